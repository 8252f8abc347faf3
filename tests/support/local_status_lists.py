"""The status lists of a local issuer and the feed of their changes; every part can be made wrong while it runs."""

from __future__ import annotations

import asyncio
import json
import time
import zlib
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.support.local_issuer import b64, sign_bytes

if TYPE_CHECKING:
    from joserfc.jwk import Key

LIST_BYTES = 8192


def list_token(uri: str, bits: bytes, key: Key, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """A signed list; `header` overrides members of its header, `changes` are claims, one that is None is left out."""
    now = int(time.time())
    issuer = uri.partition("/status-lists/")[0]
    claims = {
        "iss": issuer,
        "sub": uri,
        "iat": now,
        "exp": now + 3600,
        "ttl": 300,
        "status_list": {"bits": 1, "lst": b64(zlib.compress(bits, 9))},
    } | changes
    whole = {"typ": "statuslist+jwt", "alg": key.alg, "kid": key.kid} | (header or {})
    present = {name: value for name, value in claims.items() if value is not None}
    return sign_bytes(json.dumps(whole).encode(), json.dumps(present).encode(), key)


class LocalStatusLists:
    """Lists by name. A change wakes the requests that wait."""

    def __init__(self, key: Key) -> None:
        self.key = key
        self.issuer = ""
        self.bits: dict[str, bytearray] = {}
        self.status = 200
        self.holds_back = True
        """Whether `Prefer: wait` is honoured."""
        self.body: bytes | None = None
        """Body of the answer instead of the feed."""
        self.extra_uris: list[str] = []
        self.requests: list[web.Request] = []
        self.waiting = 0
        self._versions: dict[str, tuple[int, str]] = {}
        self._version = 0
        self._changed = asyncio.Condition()
        self._asked = asyncio.Condition()

    def uri(self, name: str) -> str:
        """The address of a list."""
        return f"{self.issuer}/status-lists/{name}"

    async def put(self, name: str, token: str | None = None) -> None:
        """Publish the list of this name, or instead of it what is given."""
        bits = self.bits.setdefault(name, bytearray(LIST_BYTES))
        async with self._changed:
            self._version += 1
            self._versions[name] = self._version, token or list_token(self.uri(name), bytes(bits), self.key)
            self._changed.notify_all()

    async def revoke(self, name: str, *entries: int) -> None:
        """Set bits of a list and publish it."""
        bits = self.bits.setdefault(name, bytearray(LIST_BYTES))
        for entry in entries:
            bits[entry >> 3] |= 1 << (entry & 7)
        await self.put(name)

    async def remove(self, name: str) -> None:
        """Name the list no longer."""
        async with self._changed:
            del self.bits[name], self._versions[name]
            self._version += 1
            self._changed.notify_all()

    async def until_waiting(self) -> None:
        """Wait until a request waits for a change."""
        async with self._asked:
            await self._asked.wait_for(lambda: self.waiting > 0)

    async def until_asked(self, times: int) -> None:
        """Wait until that many requests have come."""
        async with self._asked:
            await self._asked.wait_for(lambda: len(self.requests) >= times)

    def cut(self) -> None:
        """Cut the connections of all requests."""
        for request in self.requests:
            if request.transport is not None:
                request.transport.abort()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """GET /status-lists."""
        async with self._asked:
            self.requests.append(request)
            self._asked.notify_all()
        headers = {}
        if self.status == 200 and self.holds_back and "wait=" in request.headers.get("Prefer", ""):
            headers["Preference-Applied"] = request.headers["Prefer"]
            if request.query["known"] == str(self._version):
                await self._wait()
        if self.status != 200:
            return web.Response(status=self.status)
        if self.body is not None:
            return web.Response(body=self.body, content_type="application/json", headers=headers)
        known = int(request.query["known"] or 0)
        feed = {
            "status_lists": [*map(self.uri, self._versions), *self.extra_uris],
            "changed": [token for version, token in self._versions.values() if version > known],
            "known": str(self._version),
        }
        return web.json_response(feed, headers=headers)

    async def _wait(self) -> None:
        self.waiting += 1
        async with self._asked:
            self._asked.notify_all()
        try:
            async with self._changed:
                await self._changed.wait()
        finally:
            self.waiting -= 1
