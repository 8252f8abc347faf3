"""Finds a client by its id in any source, with a short cache.

The cache keeps a refresh at one round trip to Redis: a client that was just read is not read again. A change made by
another replica is therefore seen up to `CACHE_SECONDS` later.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from auth_service.clients.client import Client, ClientKind
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.protocol.errors import UnknownClient
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from auth_service.clients.cimd.resolver import CimdResolver

CACHE_SECONDS: Final = 2.0
CACHE_SIZE: Final = 1024
USE_INTERVAL_SECONDS: Final = 6 * 3600
"""A process extends a registration at most this often; far below the lifetime of any grant."""
_STORED_ID: Final = re.compile(r"[A-Za-z0-9._~\-]{1,128}")

_V = TypeVar("_V")


def is_cimd_url(client_id: str) -> bool:
    """Whether the id is a URL. Such ids are never looked up in Redis."""
    return client_id.startswith(("https://", "http://"))


def is_storable_id(client_id: str) -> bool:
    """Whether an id has the format of those issued here: no other id becomes part of a Redis key."""
    return _STORED_ID.fullmatch(client_id) is not None


class ClientResolver:
    """The ClientUse of this service: Redis or, for ids that are URLs, metadata documents."""

    def __init__(
        self,
        repository: ClientRepository,
        *,
        cimd: CimdResolver,
        registration_ttl_seconds: int,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`registration_ttl_seconds` is the lifetime of a registration after its last use.

        `clock` is seconds since 1970, for what is stored. `monotonic` is seconds, for what is remembered here.
        """
        self._repository = repository
        self._cimd = cimd
        self._ttl = registration_ttl_seconds
        self._clock = clock
        self._monotonic = monotonic
        self._cache: OrderedDict[str, tuple[float, Client]] = OrderedDict()
        self._last_uses: OrderedDict[str, float] = OrderedDict()

    async def find(self, client_id: str) -> Client:
        """Return the client. Raises UnknownClient; RedisUnavailable or CimdUnavailable."""
        if is_cimd_url(client_id):
            return await self._cimd.find(client_id)
        if not is_storable_id(client_id):
            raise UnknownClient("the client_id has a format that is never issued")
        read_at = self._monotonic()
        cached = self._cache.get(client_id)
        if cached is not None and read_at < cached[0]:
            return cached[1]
        record = await self._repository.find(client_id, now=self._clock())
        if not isinstance(record, StoredClient):
            self.forget(client_id)
            raise UnknownClient("no client has this id", tombstone=record is not None)
        if not record.used:
            # A new registration under an id that was used before, and then ended.
            self._last_uses.pop(client_id, None)
        client = record.as_client()
        _put(self._cache, client_id, (read_at + CACHE_SECONDS, client))
        return client

    async def record_use(self, client: Client) -> None:
        """Extend the lifetime of a client whose grant is created or refreshed (interop.md A18).

        The lifetime is that of its registration, or of the stored copy of its document. Usually costs nothing, and
        never fails a request: a missed extension is made up for at the next use.
        """
        if client.kind is ClientKind.PRE_REGISTERED:
            return
        used_at = self._monotonic()
        last_use = self._last_uses.get(client.client_id)
        if last_use is not None and used_at < last_use + USE_INTERVAL_SECONDS:
            return
        try:
            if client.kind is ClientKind.METADATA_DOCUMENT:
                await self._cimd.keep(client.client_id)
            else:
                now = int(self._clock())
                await self._repository.record_use(client.client_id, now=now, expires_at=now + self._ttl)
        except RedisUnavailable:
            return
        _put(self._last_uses, client.client_id, used_at)

    def forget(self, client_id: str) -> None:
        """Drop the cached client: its record was changed here."""
        self._cache.pop(client_id, None)


def _put(cache: OrderedDict[str, _V], key: str, value: _V) -> None:
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > CACHE_SIZE:
        cache.popitem(last=False)
