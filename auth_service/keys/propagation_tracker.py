"""Tracks the JWKS version that each verifier reports and flushes it to Redis periodically.

The endpoint is public. Whatever is sent to it, memory is bounded, each process makes at most five small writes a
second to Redis, and no request waits for them or fails with them.
"""

from __future__ import annotations

import asyncio
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from auth_service.keys.propagation import ReplicaKeyVersion
from auth_service.keys.repository import MAX_REPLICAS
from shared.background import end_tasks
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.keys.repository import ReplicaVersionRepository
    from shared.background import TaskSupervisor

FLUSH_INTERVAL_SECONDS: Final = 0.2
MIN_TTL_MS: Final = 120_000
"""The least time for which a verifier counts as live after its last report: longer than a long poll."""
MAX_CLIENT_CHARACTERS: Final = 120
_MAX_AGENT_CHARACTERS: Final = 60
"""The characters of the User-Agent of an unidentified client that are kept for the operator."""
RECONNECT_MS: Final = 15_000
"""How long a verifier whose connection broke counts as live: it may reconnect to another replica."""

_REPLICA: Final = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class PropagationTracker:
    """The reports that one process receives."""

    def __init__(
        self,
        repository: ReplicaVersionRepository,
        *,
        publish_lead_ms: int,
        clock: Callable[[], float] = time.time,
        max_replicas: int = MAX_REPLICAS,
    ) -> None:
        """Reports expire after `publish_lead_ms`, or later after MIN_TTL_MS: from then on time decides."""
        self._repository = repository
        self._ttl_ms = max(publish_lead_ms, MIN_TTL_MS)
        self._clock = clock
        self._max_replicas = max_replicas
        self._unflushed: dict[str, ReplicaKeyVersion] = {}
        self._unidentified_ms: int | None = None
        self._unidentified_client = ("", "")
        self._overflow_ms: int | None = None
        self._reported = asyncio.Event()
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the periodic flush."""
        self._tasks = (supervisor.start("key_propagation_tracker", self._flush_periodically),)

    async def stop(self) -> None:
        """Stop flushing. Unflushed reports are lost; verifiers repeat them."""
        await end_tasks(self._tasks)

    def record_unidentified(self, user_agent: str, address: str) -> None:
        """Record that a client without a name fetched the JWKS; only the latest is kept."""
        # Described when it is written: most requests are of such clients.
        self._unidentified_client = user_agent[:_MAX_AGENT_CHARACTERS], address
        self._unidentified_ms = int(self._clock() * 1000)
        self._reported.set()

    def record_version(self, replica: str, version: int) -> ReplicaKeyVersion | None:
        """Record that a verifier has this version. None if there is no room."""
        now_ms = int(self._clock() * 1000)
        self._reported.set()
        if replica not in self._unflushed and len(self._unflushed) >= self._max_replicas:
            self._overflow_ms = now_ms
            return None
        reported = self._unflushed[replica] = ReplicaKeyVersion(replica, version, now_ms, now_ms + self._ttl_ms)
        return reported

    def record_disconnect(self, reported: ReplicaKeyVersion) -> None:
        """Record that a verifier's connection broke. A later report, even at another replica, takes precedence."""
        latest = self._unflushed.get(reported.replica, reported)
        if latest.seen_ms <= reported.seen_ms and len(self._unflushed) < self._max_replicas:
            expires_ms = int(self._clock() * 1000) + RECONNECT_MS
            self._unflushed[reported.replica] = replace(reported, expires_ms=expires_ms)
            self._reported.set()

    async def flush(self) -> None:
        """Write the reports to Redis. Raises RedisUnavailable. After any failure they are kept for the next flush."""
        self._reported.clear()
        unflushed, self._unflushed = self._unflushed, {}
        unidentified_ms, self._unidentified_ms = self._unidentified_ms, None
        unidentified_client = self._unidentified_client
        overflow_ms, self._overflow_ms = self._overflow_ms, None
        try:
            await self._repository.record(
                unflushed.values(),
                now_ms=int(self._clock() * 1000),
                ttl_ms=2 * self._ttl_ms,
                unidentified_ms=unidentified_ms,
                unidentified_client=_description(*unidentified_client),
                overflow_ms=overflow_ms,
            )
        except Exception:
            # A lost report could pass for proof: reports for which there is no room count as an overflow.
            merged = unflushed | self._unflushed
            self._unflushed = dict(list(merged.items())[: self._max_replicas])
            self._unidentified_ms = _latest(self._unidentified_ms, unidentified_ms)
            if len(merged) > self._max_replicas:
                overflow_ms = int(self._clock() * 1000)
            self._overflow_ms = _latest(self._overflow_ms, overflow_ms)
            self._reported.set()
            raise

    async def _flush_periodically(self) -> None:
        while True:
            await self._reported.wait()
            try:
                await self.flush()
            except RedisUnavailable:
                # Not logged: the key ring logs that Redis is unavailable.
                await asyncio.sleep(10 * FLUSH_INTERVAL_SECONDS)
            await asyncio.sleep(FLUSH_INTERVAL_SECONDS)


def is_name(replica: str) -> bool:
    """Whether the text can be the name of a verifier."""
    return _REPLICA.fullmatch(replica) is not None


def _description(user_agent: str, address: str) -> str:
    # Without the surrogates that stand for bytes of other encodings: Redis stores UTF-8.
    agent = "".join(filter(str.isprintable, user_agent))
    return (f"{agent} at {address}" if agent and address else agent or address)[:MAX_CLIENT_CHARACTERS]


def _latest(*times: int | None) -> int | None:
    return max((time for time in times if time is not None), default=None)
