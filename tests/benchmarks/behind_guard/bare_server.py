"""A server to put behind the guard, as bare as aiohttp allows: prints its port, serves until standard input closes.

A POST gets a result that was made beforehand, or a stream of so many events if its body names a number of them. A GET
opens a stream on which nothing happens until a body says so.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

import uvloop
from aiohttp import web

from tests.benchmarks.behind_guard.messages import EVENT, TO_ALL

_EVENTS = re.compile(rb'"events": (\d+)')
_TEXT = "Sunny, " * 80
_RESULT = json.dumps(
    {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": _TEXT}], "isError": False, "resultType": "complete"},
    }
).encode()


class BareServer:
    """One handler for all methods."""

    def __init__(self) -> None:
        self._streams: set[web.StreamResponse] = set()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer without a look at anything but the body."""
        if request.method == "GET":
            return await self._idle(request)
        body = await request.read()
        if found := _EVENTS.search(body):
            return await self._events(request, int(found[1]))
        if TO_ALL in body:
            for stream in list(self._streams):
                await stream.write(EVENT)
                await asyncio.sleep(0)  # otherwise a call that comes meanwhile waits for all of them
        return web.Response(body=_RESULT, content_type="application/json")

    async def _events(self, request: web.Request, count: int) -> web.StreamResponse:
        stream = await _begin(request)
        for _ in range(count):
            await stream.write(EVENT)
            await asyncio.sleep(0)  # otherwise several leave in one write
        await stream.write_eof()
        return stream

    async def _idle(self, request: web.Request) -> web.StreamResponse:
        stream = await _begin(request)
        self._streams.add(stream)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self._streams.discard(stream)
        return stream


async def _begin(request: web.Request) -> web.StreamResponse:
    stream = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await stream.prepare(request)
    return stream


async def main() -> None:
    """Serve until standard input closes."""
    app = web.Application()
    app.router.add_route("*", "/mcp", BareServer().handle)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=4096).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    uvloop.run(main())
