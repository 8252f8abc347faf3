"""A small MCP server on standard input and output: well-behaved, unless a tool or its argument says otherwise.

Run as a program with the standard library only, so that it starts in milliseconds.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

_LOCK = threading.Lock()


def send(**message):
    line = json.dumps({"jsonrpc": "2.0", **message})
    with _LOCK:
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


def answer(rpc_id, text, **more):
    send(id=rpc_id, result={"content": [{"type": "text", "text": text}], **more})


CAPABILITIES = {
    "tools": {"listChanged": True},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {},
    "logging": {},
    "tasks": {},
}
STARTED = time.time()
SEEN: list[dict[str, Any]] = []
HELD: dict[str, tuple[Any, Any]] = {}


def call(rpc_id, name, params):  # noqa: C901, PLR0912 - a table of tools
    arguments = params.get("arguments") or {}
    meta = params.get("_meta") or {}
    match name:
        case "echo":
            answer(
                rpc_id, json.dumps(params), structuredContent={"unknown": None, "pid": os.getpid()}, vendor=[1, None]
            )
        case "hold":
            # Answered by `release`.
            HELD[arguments["name"]] = (rpc_id, meta.get("progressToken"))
            if "progressToken" in meta:
                send(
                    method="notifications/progress",
                    params={"progressToken": meta["progressToken"], "progress": 1, "message": arguments["name"]},
                )
        case "release":
            for held in arguments["names"]:
                answer(HELD.pop(held)[0], f"released {held}")
            answer(rpc_id, "ok")
        case "seen":
            answer(rpc_id, json.dumps(SEEN))
        case "environment":
            answer(rpc_id, json.dumps(dict(os.environ)))
        case "exit":
            os._exit(arguments.get("code", 3))
        case "twice":
            answer(rpc_id, "first")
            answer(rpc_id, "second")
        case "foreign":
            for other in range(rpc_id - 3, rpc_id + 4):
                if other != rpc_id:
                    answer(other, "for another")
            for wrong in ("1", str(rpc_id), True, None, 1.5):
                answer(wrong, "for another")
            answer(rpc_id, "mine")
        case "noise":
            sys.stdout.write('starting up...\n\n{"jsonrpc": "1.0"}\n[1]\nnull\n{"jsonrpc": "2.0", "id": 1, "x": NaN}\n')
            sys.stdout.write("[" * 100_000 + "\n")
            sys.stdout.write(f'{{"jsonrpc": "2.0", "id": {rpc_id}, "result": {{"content": "\\ud800"}}}}\n')
            answer(rpc_id, "after noise")
        case "malformed":
            send(id=rpc_id, **arguments["message"])
        case "huge":
            block = "x" * (1 << 20)
            sys.stdout.write('{"jsonrpc": "2.0", "id": 1, "result": "')
            for _ in range(arguments["mebibytes"]):
                sys.stdout.write(block)
            sys.stdout.write('"}\n')
            sys.stdout.flush()
            answer(rpc_id, "still here")
        case "close_stdout":
            os.close(1)
        case "ask":
            for number, method in enumerate(arguments["methods"]):
                send(id=f"ask-{number}", method=method, params={})
            HELD["ask"] = (rpc_id, None)
        case "flood_stderr":
            for number in range(arguments["lines"]):
                sys.stderr.write(f"line {number}\n")
            sys.stderr.write("y" * 1_000_000 + "\nlast\n")
            sys.stderr.flush()
            answer(rpc_id, "flooded")
        case "allocate":
            try:
                memory = bytearray(arguments["mebibytes"] << 20)
            except MemoryError:
                answer(rpc_id, "no memory")
            else:
                answer(rpc_id, f"{len(memory)}")
        case "fork":
            # One in this group, one in a session of its own.
            kept = subprocess.Popen(["sleep", "600"])
            away = subprocess.Popen(["sleep", "600"], start_new_session=True)
            answer(rpc_id, json.dumps([kept.pid, away.pid]))
        case "changed":
            send(method="notifications/tools/list_changed")
            send(method="notifications/resources/updated", params={"uri": "test://a"})
            send(method="notifications/message", params={"level": "info", "data": "of another"})
            answer(rpc_id, "ok")
        case "error":
            send(id=rpc_id, error={"code": -32050, "message": "no", "data": {"why": None}})
        case "silent":
            return
        case _:
            send(id=rpc_id, error={"code": -32602, "message": f"Unknown tool {name}"})


def handle(message):
    SEEN.append(message)
    rpc_id, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method is None:
        if rpc_id == "ask-0":
            answer(HELD.pop("ask")[0], json.dumps(message))
        return
    match method:
        case "initialize":
            if sum(m.get("method") == "initialize" for m in SEEN) > 1:
                send(id=rpc_id, error={"code": -32600, "message": "initialized twice"})
                return
            send(
                id=rpc_id,
                result={
                    "protocolVersion": "2025-06-18",
                    "capabilities": CAPABILITIES,
                    "serverInfo": {"name": "test server", "version": "7"},
                    "instructions": "Be kind.",
                },
            )
        case "tools/call":
            call(rpc_id, params.get("name"), params)
        case "tools/list":
            if sys.argv[1:2] == ["tools"]:
                send(id=rpc_id, result=json.loads(sys.argv[2]))
                return
            send(id=rpc_id, result={"tools": [{"name": "echo", "inputSchema": {"type": "object"}, "vendor": None}]})
        case "resources/read":
            send(id=rpc_id, result={"contents": [{"uri": params["uri"], "text": "text"}]})
        case "resources/subscribe" | "resources/unsubscribe":
            send(id=rpc_id, result={})
        case "vendor/method":
            send(id=rpc_id, result={"got": params})
        case _ if rpc_id is not None:
            send(id=rpc_id, error={"code": -32601, "message": "Method not found"})


def main():
    mode = sys.argv[1] if len(sys.argv) > 1 else ""
    if mode == "exits":
        sys.exit(9)
    if mode == "silent":
        for _ in sys.stdin:
            pass
        return
    if mode == "old":
        json.loads(sys.stdin.readline())
        send(id=1, result={"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {"name": "x"}})
    if mode == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if mode == "deaf":
        # Introduces itself, then reads no more.
        handle(json.loads(sys.stdin.readline()))
        time.sleep(600)
    for line in sys.stdin:
        handle(json.loads(line))
    if mode == "stubborn":
        time.sleep(600)


if __name__ == "__main__":
    main()
