"""Runs inside the deployment: calls every replica of mcp_service until each refuses a token.

Reads {"host", "port", "path", "token", "seconds"} from stdin; prints per address when its last accepted call began, in
seconds since 1970. It is passed to `python -c`, and so needs nothing but the standard library.
"""

import http.client
import json
import socket
import sys
import threading
import time

asked = json.load(sys.stdin)
BODY = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}})
HEADERS = {
    "Host": "localhost",
    "Authorization": f"Bearer {asked['token']}",
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-11-25",
}
last: dict[str, float | None] = {}


def call(address: str) -> None:
    """Call one replica until it answers 401."""
    until = time.time() + asked["seconds"]
    while time.time() < until:
        began = time.time()
        connection = http.client.HTTPConnection(address, asked["port"], timeout=10)
        connection.request("POST", asked["path"], BODY, HEADERS)
        status = connection.getresponse().status
        connection.close()
        if status == 401:
            return
        if status == 200:
            last[address] = began
        time.sleep(0.1)  # with the calls of the drill no more than one token may make


found = {str(info[4][0]) for info in socket.getaddrinfo(asked["host"], asked["port"], type=socket.SOCK_STREAM)}
last.update(dict.fromkeys(found))
threads = [threading.Thread(target=call, args=(address,)) for address in found]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(json.dumps(last))
