"""The loopback HTTP server that receives the authorization response (RFC 8252 section 7.3)."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

from sallyport_doctor.evidence import ExaminationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

PATH: Final = "/callback"
_PAGE: Final = "<!doctype html><title>Sallyport doctor</title><p>Sign-in received. You can close this page."


class CallbackServer:
    """Listens on a loopback port; 0 means any free port. Use as an async context manager.

    Entering raises ExaminationError when the port is in use.
    """

    def __init__(self, port: int = 0) -> None:
        self.uri = ""
        self._port = port
        self._runner: web.AppRunner | None = None
        self._parameters: asyncio.Future[Mapping[str, str]] | None = None

    async def __aenter__(self) -> Self:
        self._parameters = asyncio.get_running_loop().create_future()
        app = web.Application()
        app.router.add_get(PATH, self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        except OSError as exc:
            await self._runner.cleanup()
            raise ExaminationError(f"nothing can listen on port {self._port} of 127.0.0.1: {exc.strerror}") from exc
        self.uri = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def parameters(self, *, within_seconds: float) -> Mapping[str, str] | None:
        """The query parameters of the first callback; None after the timeout."""
        if self._parameters is None:
            return None
        try:
            return await asyncio.wait_for(self._parameters, within_seconds)
        except TimeoutError:
            return None

    async def _receive(self, request: web.Request) -> web.Response:
        if self._parameters is not None and not self._parameters.done():
            self._parameters.set_result(dict(request.query))
        return web.Response(text=_PAGE, content_type="text/html", headers={"Referrer-Policy": "no-referrer"})
