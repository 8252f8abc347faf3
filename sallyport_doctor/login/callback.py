"""The place on this machine to which the browser brings the answer: one path, one answer, then gone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from sallyport_doctor.could_not_look import CouldNotLook

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PATH: Final = "/callback"
_TEXT: Final = "<!doctype html><title>Sallyport doctor</title><p>The doctor has your answer. You can close this page."


class Callback:
    """Listens on a loopback port, any free one for 0. Use as an async context manager, which raises CouldNotLook."""

    def __init__(self, port: int = 0) -> None:
        self.uri = ""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._answer: asyncio.Future[Mapping[str, str]] | None = None

    async def __aenter__(self) -> Self:
        self._answer = asyncio.get_running_loop().create_future()
        app = web.Application()
        app.router.add_get(PATH, self._take)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError as exc:
            await self._runner.cleanup()
            raise CouldNotLook(f"nothing can listen on port {self._port} of 127.0.0.1: {exc.strerror}") from exc
        self.uri = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def answer(self, *, within_seconds: float) -> Mapping[str, str] | None:
        """The parameters that the browser brought, or None when it brought none in time."""
        if self._answer is None:
            return None
        try:
            return await asyncio.wait_for(self._answer, within_seconds)
        except TimeoutError:
            return None

    async def _take(self, request: web.Request) -> web.Response:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(dict(request.query))
        return web.Response(text=_TEXT, content_type="text/html", headers={"Referrer-Policy": "no-referrer"})
