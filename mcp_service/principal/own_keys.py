"""The guard's own keys in this process: a copy that signs and is published, and is kept current.

The key file is read every few seconds. A copy that has not been confirmed for a while signs no more: another replica
may have rotated, and readers would refuse the assertions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from mcp_service.principal.key_file import KeyFile, KeysUnreadable
from mcp_service.principal.key_lifecycle import OwnKeys, first_ring, is_due, pruned, rotated
from mcp_service.principal.key_pairs import InvalidOwnKey, UsableKeys, new_own_key, usable
from shared.background import end_tasks
from shared.errors import Misconfigured, ServiceUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    import structlog

    from shared.background import TaskSupervisor

POLL_SECONDS: Final = 10.0
MAX_UNCONFIRMED_SECONDS: Final = 240.0
"""Seconds: with the lifetime of an assertion, less than the time for which a retiring key is published."""


class OwnKeysSource(Protocol):
    """Signs assertions, and holds the JWKS that is published."""

    @property
    def keys(self) -> UsableKeys:
        """The keys in use. Raises ServiceUnavailable before the start."""

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS. Raises ServiceUnavailable."""

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Load the keys. Raises Misconfigured."""

    async def stop(self) -> None:
        """End the background task, if there is one."""

    async def readiness(self) -> Readiness:
        """Whether assertions can be signed now."""


class ConfiguredKeys:
    """The keys of MCP_UPSTREAM_KEY, which the operator rotates."""

    def __init__(self, keys: UsableKeys) -> None:
        self.keys = keys

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        return self.keys.signing_key.sign(claims, typ=typ)

    async def start(self, supervisor: TaskSupervisor) -> None:
        del supervisor

    async def stop(self) -> None:
        """Do nothing: configured keys have no background task."""

    async def readiness(self) -> Readiness:
        return Readiness(ready=True)


class StoredKeys:
    """The keys of MCP_STATE_DIR: made at the first start, rotated by age."""

    def __init__(
        self,
        *,
        directory: Path,
        rotation_interval_seconds: int,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        """`clock` is seconds since 1970; an interval of 0 leaves rotation to the command."""
        self._key_file = KeyFile(directory)
        self._interval = rotation_interval_seconds
        self._log = log
        self._clock = clock
        self._monotonic = monotonic
        self._ring: OwnKeys | None = None
        self._keys: UsableKeys | None = None
        self._confirmed = float("-inf")
        self._failing = False
        self._task: asyncio.Task[None] | None = None

    @property
    def keys(self) -> UsableKeys:
        if self._keys is None:
            raise ServiceUnavailable("the keys are not loaded yet", error_id="assertion_keys")
        return self._keys

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        if self._unconfirmed():
            raise ServiceUnavailable("the keys could not be read for too long", error_id="assertion_keys")
        return self.keys.signing_key.sign(claims, typ=typ)

    async def start(self, supervisor: TaskSupervisor) -> None:
        try:
            await self.refresh()
        except (KeysUnreadable, InvalidOwnKey) as exc:
            raise Misconfigured(f"MCP_STATE_DIR: {exc}") from exc
        self._task = supervisor.start("assertion_keys", self._keep)

    async def stop(self) -> None:
        if self._task is not None:
            await end_tasks([self._task])

    async def readiness(self) -> Readiness:
        if self._unconfirmed():
            return Readiness(ready=False, note="the keys for assertions cannot be read")
        return Readiness(ready=True)

    async def refresh(self) -> None:
        """Read the file and take the step that is due. Raises KeysUnreadable or InvalidOwnKey."""
        began = self._monotonic()
        ring = await asyncio.to_thread(self._current)
        if self._ring is None or ring != self._ring:
            self._keys, self._ring = usable(ring), ring
            self._log.info("assertion_keys_changed", version=ring.version, kid=ring.active.kid)
        self._confirmed = began

    def _current(self) -> OwnKeys:
        stored = self._key_file.read()
        # Without a due step nothing is locked or written.
        return stored if stored is not None and self._step(stored) is stored else self._key_file.change(self._step)

    def _step(self, stored: OwnKeys | None) -> OwnKeys:
        now = int(self._clock())
        if stored is None:
            return first_ring(new_own_key(now=now), new_own_key(now=now), now=now)
        ring = pruned(stored, now=now)
        if is_due(ring, interval_seconds=self._interval, now=now):
            ring = rotated(ring, new_own_key(now=now), now=now)
        return ring

    def _unconfirmed(self) -> bool:
        return self._monotonic() - self._confirmed > MAX_UNCONFIRMED_SECONDS

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self.refresh()
            except (KeysUnreadable, InvalidOwnKey) as exc:
                if not self._failing:
                    self._log.error("assertion_keys_unreadable", reason=str(exc))
                self._failing = True
            else:
                self._failing = False
