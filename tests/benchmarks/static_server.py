"""A static answer by aiohttp, nothing around it: `python -m tests.benchmarks.static_server BYTES`. Prints its port."""

from __future__ import annotations

import asyncio
import sys

import uvloop
from aiohttp import web


async def main(size: int) -> None:
    """Serve until standard input closes."""
    body = b"x" * size

    async def static(_request: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    app = web.Application()
    app.add_routes([web.get("/static", static)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
