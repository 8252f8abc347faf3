"""The public keys of clients: from their record, or from a `jwks_uri` through the guarded fetch (invariant 10)."""

from __future__ import annotations

import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.clients.client_assertion import candidate_keys
from auth_service.clients.client_metadata import check_key_set
from auth_service.protocol.errors import InvalidClient, InvalidClientMetadata
from shared.errors import ServiceUnavailable
from shared.fetch.freshness import freshness_seconds
from shared.fetch.guarded_fetch import FetchFailed, GuardedFetch
from shared.fetch.single_flight import SingleFlight

if TYPE_CHECKING:
    from auth_service.clients.client import Client

MAX_KEY_SET_BYTES: Final = 32 * 1024
COOLDOWN_SECONDS: Final = 60
"""At most one fetch of a key set in this time, after success and failure alike: forged kids cost its host nothing."""

MAX_STALE_SECONDS: Final = 86_400
MEMORY_SIZE: Final = 256

Keys = list[Mapping[str, Any]]


class ClientJwksUnavailable(ServiceUnavailable):
    """The client's key set cannot be had now: nobody can say whether the assertion is good (invariant 8)."""

    public = "The client's keys could not be fetched just now. Please try again in a minute."

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="client_keys_fetched", retry_after_seconds=COOLDOWN_SECONDS)


@dataclass(frozen=True, slots=True)
class _Held:
    keys: Keys
    fetched_at: float
    fresh_until: float
    asked_at: float
    """When the host was last asked, successfully or not."""
    failure: str = ""


class ClientJwks:
    """Finds the keys that may have signed an assertion."""

    def __init__(self, *, fetch: GuardedFetch, now: Callable[[], float] = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._flights: SingleFlight[_Held] = SingleFlight()

    async def candidates(self, client: Client, *, algorithm: str, kid: str | None) -> Keys:
        """The keys to try. Raises InvalidClient when there is none, ClientJwksUnavailable when nobody can know."""
        if client.jwks is not None:
            found = candidate_keys(client.jwks["keys"], algorithm=algorithm, kid=kid)
        elif client.jwks_uri is not None:
            found = await self._remote(client.jwks_uri, algorithm, kid)
        else:
            found = []
        if not found:
            raise InvalidClient("the client has no such key", error_id="assertion_key")
        return found

    async def close(self) -> None:
        """Stop what is under way."""
        await self._flights.close()

    async def _remote(self, uri: str, algorithm: str, kid: str | None) -> Keys:
        held = self._held.get(uri)
        now = self._now()
        if held is None or (now >= held.fresh_until and now >= held.asked_at + COOLDOWN_SECONDS):
            held = await self._flights.run(uri, lambda: self._ask(uri))
        found = candidate_keys(self._usable(uri, held), algorithm=algorithm, kid=kid)
        if not found and now >= held.asked_at + COOLDOWN_SECONDS:
            held = await self._flights.run(uri, lambda: self._ask(uri))
            found = candidate_keys(self._usable(uri, held), algorithm=algorithm, kid=kid)
        if not found and held.failure:
            raise ClientJwksUnavailable(f"{uri}: {held.failure}")
        return found

    def _usable(self, uri: str, held: _Held) -> Keys:
        if self._now() >= held.fetched_at + MAX_STALE_SECONDS and held.failure:
            raise ClientJwksUnavailable(f"{uri}: {held.failure}")
        return held.keys

    async def _ask(self, uri: str) -> _Held:
        now = self._now()
        try:
            answer = await self._fetch.get(
                uri, max_bytes=MAX_KEY_SET_BYTES, accept="application/jwk-set+json, application/json"
            )
            key_set = json.loads(answer.body)
            check_key_set(key_set)
        except (FetchFailed, InvalidClientMetadata, ValueError, RecursionError) as exc:
            # A bad document never replaces a good set.
            old = self._held.get(uri)
            keys, fetched_at = (old.keys, old.fetched_at) if old else ([], 0.0)
            held = _Held(keys, fetched_at, fresh_until=0.0, asked_at=now, failure=str(exc) or type(exc).__name__)
        else:
            fresh = freshness_seconds(cache_control=answer.cache_control, age=answer.age)
            held = _Held(key_set["keys"], fetched_at=now, fresh_until=now + fresh, asked_at=now)
        self._held[uri] = held
        self._held.move_to_end(uri)
        while len(self._held) > MEMORY_SIZE:
            self._held.popitem(last=False)
        return held
