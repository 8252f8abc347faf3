"""Receives the authorization response of `tokens issue`: on a loopback port (RFC 8252 section 7.3), or pasted.

Only the answer to this request ends the wait: one with its `state` and with the issuer's `iss` (RFC 9207). Anything
else that a program or a page sends to the port is refused, and the wait goes on.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web

from auth_service.commands.console import echo_stderr

if TYPE_CHECKING:
    from types import TracebackType

PATH: Final = "/callback"
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_DONE: Final = "Done. You can close this page: the command in your terminal has the answer."
_REFUSED: Final = "This is not the answer to the request of the command that listens here."
_PASTED_BYTES: Final = 16_384


class CallbackListener:
    """An async context manager that waits for one authorization response."""

    def __init__(self, *, state: str, issuer: str) -> None:
        self.redirect_uri = ""
        self._state = state
        self._issuer = issuer
        self._runner: web.AppRunner | None = None
        self._answer: asyncio.Future[Mapping[str, str]] = asyncio.get_running_loop().create_future()
        self._pasted = b""

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get(PATH, self._receive)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.redirect_uri = f"http://127.0.0.1:{self._runner.addresses[0][1]}{PATH}"
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def answer(self, *, within_seconds: float, paste: bool) -> Mapping[str, str] | None:
        """The parameters of the answer; None after the time. `paste`: also read its address from standard input."""
        reading = self._begin_reading() if paste else None
        try:
            return await asyncio.wait_for(asyncio.shield(self._answer), within_seconds)
        except TimeoutError:
            return None
        finally:
            if reading is not None:
                asyncio.get_running_loop().remove_reader(reading)

    def _take(self, parameters: Iterable[tuple[str, str]]) -> bool:
        """Accept the parameters if they answer this request."""
        pairs = list(parameters)
        found = dict(pairs)
        answers = (
            len(found) == len(pairs)
            and hmac.compare_digest(found.get("state", "").encode(), self._state.encode())
            and found.get("iss") == self._issuer
        )
        if answers and not self._answer.done():
            self._answer.set_result(found)
        return answers

    async def _receive(self, request: web.Request) -> web.Response:
        if self._take(request.query.items()):
            return web.Response(text=_DONE, headers=_HEADERS)
        return web.Response(status=400, text=_REFUSED, headers=_HEADERS)

    def _begin_reading(self) -> int | None:
        try:
            descriptor = sys.stdin.fileno()
            asyncio.get_running_loop().add_reader(descriptor, self._read, descriptor)
        except (OSError, ValueError):
            return None  # closed, or a file: nothing will be pasted
        return descriptor

    def _read(self, descriptor: int) -> None:
        data = os.read(descriptor, _PASTED_BYTES)
        if not data:
            asyncio.get_running_loop().remove_reader(descriptor)
        *lines, rest = (self._pasted + data).split(b"\n")
        self._pasted = rest[-_PASTED_BYTES:]
        for line in filter(None, (line.strip() for line in lines)):
            if not self._take(parse_qsl(urlsplit(line.decode(errors="replace")).query)):
                echo_stderr("That is not the address at which the browser ended for this request.")
