"""The tool behind the SDK's own application on uvicorn, without authentication: `HTTP default|json`.

HTTP is uvicorn's parser, h11 or httptools; the rest is how a call is answered: by the SDK's default, which is a stream
on the older wire, or always with plain JSON. Without sessions, with uvloop, without an access log. Prints its port,
serves until standard input closes.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Literal, cast

import uvicorn
import uvloop
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from tests.benchmarks.same_tool.forecast import forecast


async def main(http: Literal["h11", "httptools"], mode: str) -> None:
    """Serve until standard input closes."""
    server = MCPServer("forecast")
    server.tool()(forecast)
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=mode == "json",
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    # Connections rest while the other side has its turn.
    config = uvicorn.Config(app, http=http, log_level="warning", access_log=False, timeout_keep_alive=60)
    serving = uvicorn.Server(config)
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    print(listener.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.should_exit = True
    await task


if __name__ == "__main__":
    uvloop.run(main(cast("Literal['h11', 'httptools']", sys.argv[1]), sys.argv[2]))
