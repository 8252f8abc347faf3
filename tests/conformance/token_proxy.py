"""Puts a token in front of every request: the suite's scenarios know no authorization."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_THE_CONNECTION = frozenset({"connection", "content-length", "keep-alive", "transfer-encoding", "authorization"})


class TokenProxy:
    """Passes requests on to one address, with a token, and streams the answers back as they come."""

    def __init__(self, target: str, token: Callable[[], str]) -> None:
        self._target = target
        self._token = token
        self.url = ""

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/mcp", self._pass_on)
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://localhost:{self._runner.addresses[0][1]}/mcp"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        headers["Authorization"] = f"Bearer {self._token()}"
        async with self._session.request(
            request.method, self._target, data=await request.read(), headers=headers, allow_redirects=False
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONNECTION}
            response = web.StreamResponse(status=answer.status, headers=kept)
            await response.prepare(request)
            async for chunk in answer.content.iter_any():
                await response.write(chunk)
            await response.write_eof()
            return response
