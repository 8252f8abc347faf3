"""The cache of the issuer's JWKS: the I/O shell around policy.py.

One task does all the fetching, so there is never more than one request in flight. With an issuer that honours
`Prefer: wait` it long-polls and learns of a change within a round trip; with another it refreshes by age.
Verification with a known key never waits for the network; an unknown kid waits for one shared refresh.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge

from mcp_service.issuer.long_polling import WAIT_SECONDS, LongPolling
from mcp_service.issuer.refresh_loop import RefreshLoop
from mcp_service.issuer.refresh_state import RecentlyUnknown, RefreshPolicy, UnknownName
from mcp_service.jwks.document import InvalidJwks, parse_jwks
from mcp_service.jwks.policy import (
    TRUSTED,
    CacheState,
    Phase,
    confirmed,
    next_attempt_at,
    on_unknown_kid,
    phase_of,
    trusted_until,
)
from shared.access_tokens.verifier import TrustedKeys
from shared.errors import ServiceUnavailable
from shared.fetch.ssrf_safe_client import FetchFailed
from shared.http.health import Readiness
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    import structlog

    from mcp_service.jwks.fetcher import JwksFetcher, JwksResponse
    from shared.background import TaskSupervisor
    from shared.jose.keys import VerificationKey


class JwksMetrics:
    """Counts refreshes and unknown key ids. All labels come from closed sets."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._refreshes = Counter(
            "sallyport_jwks_refreshes", "Requests for the issuer's JWKS.", ("outcome",), registry=registry
        )
        self._unknown = Counter(
            "sallyport_unknown_kids", "Tokens that named a key not held.", ("outcome",), registry=registry
        )

    def refresh(self, outcome: str) -> None:
        """`outcome` is changed, unchanged, unreachable or bad_document."""
        self._refreshes.labels(outcome).inc()

    def unknown_kid(self, outcome: str) -> None:
        """`outcome` is found, refuse or cannot_know."""
        self._unknown.labels(outcome).inc()


class JwksCache(TrustedKeys):
    """The VerificationKeyResolver of the token verifier."""

    def __init__(
        self,
        *,
        fetcher: JwksFetcher,
        policy: RefreshPolicy,
        algorithms: frozenset[str],
        metrics: JwksMetrics,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is monotonic, in seconds."""
        super().__init__(clock)
        self._fetcher = fetcher
        self._policy = policy
        self._algorithms = algorithms
        self._metrics = metrics
        self._log = log
        self._state = CacheState()
        self._etag: str | None = None
        self._long_polling = LongPolling()
        self._unknown = RecentlyUnknown()
        self._observers: list[Callable[[], None]] = []
        self._loop = RefreshLoop(
            attempt=self._attempt, wait_seconds=self._wait_seconds, delay_seconds=self._delay_seconds, clock=clock
        )

    def on_change(self, notify: Callable[[], None]) -> None:
        """Call `notify` after each change of the set."""
        self._observers.append(notify)

    async def find(self, unverified_kid: str) -> VerificationKey:
        """The key, perhaps after one refresh that all callers share. Raises InvalidToken or ServiceUnavailable."""
        now = self._clock()
        decision = on_unknown_kid(self._state, self._policy, now, self._unknown.refused_at(unverified_kid))
        if decision is UnknownName.REFRESH:
            await self._loop.refresh()
            key = self.held(unverified_kid)
            if key is not None:
                self._metrics.unknown_kid("found")
                return key
            # A caller that the end of the process interrupts gets 503, not 401 (invariant 8).
            no_response = self._loop.stopping or self._state.failures > 0
            decision = UnknownName.CANNOT_KNOW if no_response else UnknownName.REFUSE
            if decision is UnknownName.REFUSE:
                self._unknown.remember(unverified_kid, self._clock())
        self._metrics.unknown_kid(decision.value)
        if decision is UnknownName.CANNOT_KNOW:
            raise ServiceUnavailable(self._problem(), error_id="keys_loaded", retry_after_seconds=self._retry_after())
        raise InvalidToken("kid", f"kid {unverified_kid!r:.60} is not in the issuer's JWKS")

    @property
    def phase(self) -> Phase:
        """The phase now."""
        return phase_of(self._state, self._policy, self._clock())

    @property
    def age_seconds(self) -> float:
        """Seconds since the issuer last confirmed the set; infinite before the first time."""
        return float("inf") if self._state.confirmed_at is None else self._clock() - self._state.confirmed_at

    async def readiness(self) -> Readiness:
        """Ready while the keys are trusted; the note tells the operator of an unreachable issuer."""
        phase = self.phase
        note = f"{phase}: {len(self._keys)} keys" if phase is Phase.FRESH else self._problem()
        return Readiness(phase in TRUSTED, note)

    def export_gauges(self, registry: CollectorRegistry) -> None:
        """Export the phase and the age, read at each scrape."""
        gauge = Gauge("sallyport_jwks_cache_phase", "1 for the present phase.", ("phase",), registry=registry)
        for phase in Phase:
            gauge.labels(phase.value).set_function(partial(self._is_in, phase))
        Gauge(
            "sallyport_jwks_cache_age_seconds", "Time since the issuer last confirmed its JWKS.", registry=registry
        ).set_function(lambda: self.age_seconds)

    def _is_in(self, phase: Phase) -> float:
        return float(self.phase is phase)

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start fetching in the background; return after the first attempt, or soon without one."""
        await self._loop.start(supervisor, "jwks_refresh")

    async def stop(self) -> None:
        """End the background task and release its waiters."""
        await self._loop.stop()

    def _wait_seconds(self) -> int:
        # After a failure a plain request comes first: it shows at once whether the issuer is reachable again.
        return WAIT_SECONDS if self._etag and not self._state.failures else 0

    def _delay_seconds(self) -> float:
        delay = next_attempt_at(self._state) - self._clock()
        if self._etag and not self._state.failures and self._long_polling.pause_seconds is not None:
            delay = self._long_polling.pause_seconds
        if self._state.failures or self._long_polling.misses:
            # Replicas that lost the same issuer must not retry in step.
            delay *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        return delay

    async def _attempt(self, wait_seconds: int, *, requested: bool) -> None:
        await self._fetch(wait_seconds)
        if requested:
            self._state = self._state.after_unknown(self._clock())

    async def _fetch(self, wait_seconds: int) -> None:
        try:
            response = await self._fetcher.fetch(etag=self._etag, wait_seconds=wait_seconds)
            is_new = response.body is not None and response.etag != self._etag
            changed = self._accept(response)
        except FetchFailed as exc:
            self._failed("unreachable", str(exc), wait_seconds)
        except InvalidJwks as exc:
            self._failed("bad_document", f"{exc.error_id}: {exc.reason}", wait_seconds)
        except Exception as exc:  # noqa: BLE001 - logged whole, and counted as a failure
            # An unexpected error is a failed attempt like any other: the next one may succeed.
            self._log.exception("jwks_refresh_unexpected_error")
            self._failed("unreachable", f"unexpected {type(exc).__name__}", wait_seconds)
        else:
            if self._state.failures:
                self._log.info("jwks_reachable_again", failures=self._state.failures)
            if wait_seconds:
                self._long_polling = self._long_polling.after_response(held_back=response.held_back, changed=is_new)
            self._state = confirmed(self._state, self._clock(), response.max_age)
            self._trusted_until = trusted_until(self._state, self._policy)
            self._metrics.refresh("changed" if changed else "unchanged")

    def _accept(self, response: JwksResponse) -> bool:
        """Replace the set by a good document; tell whether it differs. Raises InvalidJwks and then changes nothing.

        Not even the ETag: it would tell an issuer that waits for proof of propagation that the new set is in use.
        """
        if response.body is None:
            return False
        fresh = parse_jwks(response.body, algorithms=self._algorithms)
        # An unchanged key keeps its identity, by which remembered tokens are bound to it. Tokens of a key that is
        # gone, or that was replaced by another of the same id, are forgotten with it at this moment.
        kept = {
            kid: old if (old := self._keys.get(kid)) is not None and old.same_as(key) else key
            for kid, key in fresh.items()
        }
        changed = kept.keys() != self._keys.keys() or any(kept[kid] is not self._keys[kid] for kid in kept)
        if changed:
            self._log.info("jwks_changed", kids=sorted(kept), gone=sorted(self._keys.keys() - kept.keys()))
        self._keys = kept
        self._etag = response.etag
        if changed:
            for notify in self._observers:
                notify()
        return changed

    def _failed(self, outcome: str, reason: str, wait_seconds: int) -> None:
        if wait_seconds:
            self._long_polling = self._long_polling.after_failure()
        self._state = self._state.after_failure(self._clock())
        self._metrics.refresh(outcome)
        self._log.warning(
            "jwks_refresh_failed", outcome=outcome, reason=reason, failures=self._state.failures, phase=self.phase
        )

    def _problem(self) -> str:
        phase = self.phase
        if phase is Phase.EMPTY:
            return f"{phase}: no keys yet, {self._state.failures} failed attempts"
        return f"{phase}: confirmed {self.age_seconds:.0f} s ago, {self._state.failures} failed attempts"

    def _retry_after(self) -> int:
        return 2 if self.phase not in TRUSTED else max(1, min(10, round(self._policy.cooldown)))
