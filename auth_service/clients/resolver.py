"""Finds a client by its id, from whichever source holds it, and remembers it for a moment.

The memory is what keeps a refresh at one round trip to the store: a client that was just read is not read again.
Its price is that a change made by another replica is seen up to `MEMORY_SECONDS` later.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeVar

from auth_service.clients.cimd.document import is_cimd_url
from auth_service.clients.client import Client, ClientKind
from auth_service.clients.repository import ClientRepository, StoredClient, is_storable_id
from auth_service.protocol.errors import UnknownClient
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from auth_service.clients.cimd.resolver import CimdResolver

MEMORY_SECONDS: Final = 2.0
MEMORY_SIZE: Final = 1024
USE_INTERVAL_SECONDS: Final = 6 * 3600
"""One process slides a registration's expiry at most this often; far below any grant's life."""


_V = TypeVar("_V")


class ClientResolver:
    """The ClientLookup of this service: the store first and, for ids that are URLs, metadata documents."""

    def __init__(
        self,
        stored: ClientRepository,
        *,
        documents: CimdResolver,
        registration_ttl_seconds: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`registration_ttl_seconds` is how long a registration lives after its last use."""
        self._stored = stored
        self._documents = documents
        self._ttl = registration_ttl_seconds
        self._now = now
        self._memory: OrderedDict[str, tuple[float, Client]] = OrderedDict()
        self._last_uses: OrderedDict[str, float] = OrderedDict()

    async def find(self, client_id: str) -> Client:
        """Return the client. Raises UnknownClient; RedisUnavailable or CimdUnavailable."""
        if is_cimd_url(client_id):
            return await self._documents.find(client_id)
        if not is_storable_id(client_id):
            raise UnknownClient("the client_id has a form that is never issued")
        now = self._now()
        remembered = self._memory.get(client_id)
        if remembered is not None and now < remembered[0]:
            return remembered[1]
        record = await self._stored.find(client_id, now=now)
        if not isinstance(record, StoredClient):
            self.forget(client_id)
            raise UnknownClient("no client has this id", tombstone=record is not None)
        client = record.as_client()
        _remember(self._memory, client_id, (now + MEMORY_SECONDS, client))
        return client

    async def record_use(self, client: Client) -> None:
        """Slide the life of a client whose grant was just made or refreshed (interop.md A18).

        That is the life of its registration, or of the copy that serves while its document is away. Costs nothing
        most of the time, and never fails a request: what was missed is caught up at the next use.
        """
        if client.kind is ClientKind.PRE_REGISTERED:
            return
        now = self._now()
        if now < self._last_uses.get(client.client_id, 0) + USE_INTERVAL_SECONDS:
            return
        try:
            if client.kind is ClientKind.METADATA_DOCUMENT:
                await self._documents.keep(client.client_id)
            else:
                await self._stored.record_use(client.client_id, now=int(now), expires_at=int(now) + self._ttl)
        except RedisUnavailable:
            return
        _remember(self._last_uses, client.client_id, now)

    def forget(self, client_id: str) -> None:
        """Drop what is remembered of a client: its record was changed here."""
        self._memory.pop(client_id, None)


def _remember(memory: OrderedDict[str, _V], key: str, value: _V) -> None:
    memory[key] = value
    memory.move_to_end(key)
    while len(memory) > MEMORY_SIZE:
        memory.popitem(last=False)
