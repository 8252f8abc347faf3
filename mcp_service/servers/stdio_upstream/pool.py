"""The processes of the command: one for all, or one for each user.

Started on demand, ended when idle, bounded in number. A key is the user of a process; whether users share one is
decided by the caller.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge

from mcp_service.servers.stdio_upstream.backoff import Backoff
from mcp_service.servers.stdio_upstream.child import Child, StartFailed
from shared.background import end_tasks
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import structlog

    from mcp_service.servers.stdio_upstream.process import CommandProcess

FULL_RETRY_SECONDS: Final = 5
"""Retry-After while every process is in use: when one will be free is unknown."""
_FAILURES: Final = frozenset({"exit", "output", "input", "start", "fault"})


class StartsProcess(Protocol):
    """Starts a process for a key. Raises OSError."""

    async def __call__(self, key: Hashable) -> CommandProcess:
        """The key is the user of the process."""


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """The limits of a pool. Durations are in seconds."""

    max_processes: int
    idle_seconds: float
    """0 is never."""
    start_seconds: float


@dataclass(eq=False, slots=True)
class _Entry:
    key: Hashable
    starting: asyncio.Task[Child] | None = None
    users: int = 0
    idle_since: float = 0.0
    timer: asyncio.TimerHandle | None = None
    reason: str = ""
    """The reason of its end; set once."""
    child: Child | None = field(default=None)


class ProcessMetrics:
    """Counts processes, their starts and their ends. All labels come from closed sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._running = Gauge(
            "sallyport_upstream_processes", "Processes of MCP_UPSTREAM_COMMAND that run now.", registry=registry
        )
        self._restarts = Counter(
            "sallyport_upstream_process_restarts", "Starts after a failure of the same process.", registry=registry
        )
        self._ends = Counter(
            "sallyport_upstream_process_ends",
            "Processes that ended: idle, replaced, shutdown; or failed: exit, output, input, start, fault.",
            ("reason",),
            registry=registry,
        )

        self._stderr_failures = Counter(
            "sallyport_upstream_stderr_failures",
            "Unexpected exceptions while standard error of a process was logged; the rest was discarded.",
            registry=registry,
        )

    def started(self, *, again: bool) -> None:
        """Count a process that was started; `again` after a failure."""
        self._running.inc()
        if again:
            self._restarts.inc()

    def ended(self, reason: str) -> None:
        """Count a process of which nothing is left."""
        self._running.dec()
        self._ends.labels(reason).inc()

    def stderr_failed(self) -> None:
        """Count a process whose standard error is no longer logged."""
        self._stderr_failures.inc()


class ProcessPool:
    """Lends the process of a key."""

    def __init__(
        self,
        *,
        start_process: StartsProcess,
        limits: PoolLimits,
        metrics: ProcessMetrics,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._start_process = start_process
        self._limits = limits
        self._metrics = metrics
        self._log = log
        self._backoff = Backoff()
        self._entries: dict[Hashable, _Entry] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    @asynccontextmanager
    async def lend(self, key: Hashable) -> AsyncIterator[Child]:
        """The process of this key, started if there is none. Raises ServiceUnavailable."""
        if key not in self._entries:
            await self._make_room(key)
        # Another request may have started it meanwhile.
        entry = self._entries.get(key) or self._begin(key)
        entry.users += 1
        if entry.timer is not None:
            entry.timer.cancel()
        try:
            assert entry.starting is not None  # noqa: S101 - set by _begin
            try:
                # One start for all requests that wait for it: a client that leaves does not end it.
                child = await asyncio.shield(entry.starting)
            except StartFailed as exc:
                raise ServiceUnavailable(
                    f"the command did not start: {exc}", error_id="upstream_start", retry_after_seconds=self._pause(key)
                ) from exc
            yield child
        finally:
            entry.users -= 1
            if not entry.users:
                self._rest(entry)

    async def close(self) -> None:
        """End all processes."""
        self._closed = True
        for entry in list(self._entries.values()):
            self._end(entry, "shutdown")
        while self._ending:
            await asyncio.wait(self._ending)

    def failing_seconds(self, key: Hashable) -> float:
        """Seconds until the process of this key, which has failed, may be started again; 0 if it may be now."""
        return self._backoff.remaining(key, self._now())

    async def _make_room(self, key: Hashable) -> None:
        """Wait until one more process may run. Raises ServiceUnavailable while this is impossible."""
        while True:
            if self._closed:
                raise ServiceUnavailable("the service stops", error_id="upstream_stops")
            if key in self._entries:
                return
            if self.failing_seconds(key):
                raise ServiceUnavailable(
                    "the process has failed and is not started again yet",
                    error_id="upstream_failing",
                    retry_after_seconds=self._pause(key),
                )
            if len(self._entries) + len(self._ending) < self._limits.max_processes:
                return
            idle = [e for e in self._entries.values() if not e.users and e.child is not None]
            if idle:
                self._end(min(idle, key=lambda e: e.idle_since), "replaced")
            if not self._ending:
                raise ServiceUnavailable(
                    f"all {self._limits.max_processes} processes are in use",
                    error_id="upstream_processes",
                    retry_after_seconds=FULL_RETRY_SECONDS,
                )
            await asyncio.wait(self._ending, return_when=asyncio.FIRST_COMPLETED)

    def _begin(self, key: Hashable) -> _Entry:
        entry = _Entry(key)
        entry.starting = asyncio.create_task(self._start(entry), name="upstream start")
        # Its failure is logged by _start; each waiter raises it for itself.
        entry.starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._entries[key] = entry
        return entry

    async def _start(self, entry: _Entry) -> Child:
        try:
            process = await self._start_process(entry.key)
        except (OSError, ValueError) as exc:
            # ValueError: a subject that cannot be in an environment.
            self._fail(entry, "start", str(exc))
            raise StartFailed(str(exc)) from exc
        self._metrics.started(again=self._backoff.has_failed(entry.key, self._now()))
        child = Child(process, log=self._log, on_end=lambda reason: self._end(entry, reason))
        entry.child = child
        try:
            await child.initialize(self._limits.start_seconds)
        except StartFailed:
            self._end(entry, "start")
            raise
        if child.connection.is_closed:
            self._end(entry, "exit")
            raise StartFailed("it ended after it had answered initialize")
        self._log.info("upstream_started", pid=process.pid, server=str(child.description.info["name"])[:100])
        return child

    def _rest(self, entry: _Entry) -> None:
        if entry.reason:
            return
        entry.idle_since = self._now()
        if self._limits.idle_seconds:
            loop = asyncio.get_running_loop()
            entry.timer = loop.call_later(self._limits.idle_seconds, self._end_idle, entry)

    def _end_idle(self, entry: _Entry) -> None:
        if not entry.users:
            self._end(entry, "idle")

    def _end(self, entry: _Entry, reason: str) -> None:
        """Begin to end a process; `reason` is a label of the metric. The key is free at once, its place later."""
        if entry.reason:
            return
        entry.reason = reason
        del self._entries[entry.key]
        if reason in _FAILURES:
            self._backoff.failed(entry.key, self._now())
        if entry.timer is not None:
            entry.timer.cancel()
        task = asyncio.create_task(self._finish(entry, reason), name="upstream end")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _finish(self, entry: _Entry, reason: str) -> None:
        if entry.starting is not None and reason != "start":
            await end_tasks([entry.starting])
        if entry.child is None:
            return
        await entry.child.end(at_once=reason in {"output", "input"})
        self._metrics.ended(reason)
        log = self._log.warning if reason in _FAILURES else self._log.info
        log("upstream_ended", reason=reason, exit_code=await entry.child.exit_code())

    def _fail(self, entry: _Entry, reason: str, why: str) -> None:
        self._log.warning("upstream_not_started", why=why)
        self._end(entry, reason)

    def _pause(self, key: Hashable) -> int:
        return max(1, math.ceil(self.failing_seconds(key)))

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
