"""The tool behind the SDK's own HTTP server, without a guard: prints its port, serves until standard input closes.

Without sessions, with plain JSON, uvloop and a quiet log.
"""

from __future__ import annotations

import asyncio
import socket
import sys

import uvicorn
import uvloop
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings

from tests.benchmarks.same_tool.forecast import forecast


async def main() -> None:
    """Serve until standard input closes."""
    server = MCPServer("forecast")
    server.tool()(forecast)
    app = server.streamable_http_app(
        stateless_http=True,
        json_response=True,
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    listener = socket.create_server(("127.0.0.1", 0))
    serving = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    task = asyncio.create_task(serving.serve(sockets=[listener]))
    print(listener.getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving.should_exit = True
    await task


if __name__ == "__main__":
    uvloop.run(main())
