"""A static answer by aiohttp, nothing around it: `python -m tests.benchmarks.static_server BYTES`. Prints its port."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import web

from tests.benchmarks.serving import serve


async def main(size: int) -> None:
    """Serve until standard input closes."""
    body = b"x" * size

    async def static(_request: web.Request) -> web.Response:
        headers = {"Cache-Control": "public, max-age=300"}
        return web.Response(body=body, content_type="application/json", headers=headers)

    app = web.Application()
    app.add_routes([web.get("/static", static)])
    await serve(app)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
