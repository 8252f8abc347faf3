"""Status lists at addresses of their own, on an origin of their own; every part can be made wrong while it runs."""

from __future__ import annotations

import asyncio
import time
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.support.local_issuer import b64
from tests.support.local_status_lists import list_token

if TYPE_CHECKING:
    from joserfc.jwk import Key

ENTRIES = 64


class LocalListServer:
    """Lists by name, of two bits per entry; `issued_at` grows by one second with each change."""

    def __init__(self, key: Key, issuer: str) -> None:
        self.key = key
        self.issuer = issuer
        self.url = ""
        self.status = 200
        self.content_type = "application/statuslist+jwt"
        self.headers: dict[str, str] = {}
        self.claims: dict[str, Any] = {}
        """Claims of each list that is published from now on."""
        self.held: asyncio.Event | None = None
        """Event that each answer waits for."""
        self.requests: list[web.Request] = []
        self.asked = asyncio.Condition()
        self.issued_at = int(time.time()) - 1000
        self._statuses: dict[str, dict[int, int]] = {}
        self._tokens: dict[str, tuple[str, str]] = {}
        self._runner: web.AppRunner | None = None

    def uri(self, name: str = "a") -> str:
        """The address of a list."""
        return f"{self.url}/lists/{name}"

    def publish(self, name: str = "a", statuses: dict[int, int] | None = None, **changes: Any) -> None:
        """Publish a list whose entries have these statuses, besides those it had; `changes` are claims."""
        known = self._statuses.setdefault(name, {})
        known.update(statuses or {})
        packed = bytearray(ENTRIES // 4)
        for entry, status in known.items():
            packed[entry >> 2] |= status << 2 * (entry & 3)
        self.issued_at += 1
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "iat": self.issued_at,
            "exp": int(time.time()) + 3600,
            "ttl": 1,
            "status_list": {"bits": 2, "lst": b64(zlib.compress(bytes(packed), 9))},
        }
        self.put(name, list_token(self.uri(name), b"", self.key, **claims | self.claims | changes))

    def put(self, name: str, token: str) -> None:
        """Publish exactly this."""
        self._tokens[name] = token, f'"{name}-{self.issued_at}"'

    async def until_asked(self, times: int) -> None:
        """Wait until that many requests have come."""
        async with self.asked:
            await self.asked.wait_for(lambda: len(self.requests) >= times)

    async def start(self) -> None:
        app = web.Application()
        app.router.add_get("/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        async with self.asked:
            self.requests.append(request)
            self.asked.notify_all()
        if self.held is not None:
            await self.held.wait()
        if self.status != 200:
            return web.Response(status=self.status, headers=self.headers)
        found = self._tokens.get(request.path.removeprefix("/lists/"))
        if found is None:
            return web.Response(status=404)
        token, etag = found
        headers = {"ETag": etag, **self.headers}
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=token.encode(), content_type=self.content_type, headers=headers)
