"""The least that a token endpoint does beside its signature: `… bare_token_server STORE BYTES redis-py|batcher`.

One handler of aiohttp parses the form, runs one script that does nothing, by redis-py's pool or by the client of this
project, and answers so many bytes. Prints its port, serves until standard input closes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import uvloop
from aiohttp import web
from redis.asyncio import BlockingConnectionPool, Redis

from shared.redis.client import Script
from shared.redis.single import SingleRedisClient
from tests.benchmarks.serving import serve

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SCRIPT = Script("nothing", "return ARGV[1]")
_KEY = "sp:{bench}"


def run_script(store_url: str, client: str) -> Callable[[str], Awaitable[Any]]:
    """The function by which the handler runs the script."""
    if client == "batcher":
        store = SingleRedisClient(store_url)
        return lambda argument: store.run(_SCRIPT, [_KEY], [argument])
    redis = Redis.from_pool(BlockingConnectionPool.from_url(store_url, max_connections=64, decode_responses=True))
    script = redis.register_script(_SCRIPT.text)
    return lambda argument: script(keys=[_KEY], args=[argument])


async def main(store_url: str, size: int, client: str) -> None:
    """Serve until standard input closes."""
    run = run_script(store_url, client)
    body = b"x" * size

    async def token(request: web.Request) -> web.Response:
        form = await request.post()
        await run(str(form["refresh_token"]))
        return web.Response(body=body, content_type="application/json")

    app = web.Application()
    app.add_routes([web.post("/token", token)])
    await serve(app)


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
