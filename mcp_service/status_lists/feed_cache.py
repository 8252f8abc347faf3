"""The cache of lists that come by a feed (invariant 12): the I/O shell around policy.py, bitmaps.py and list_token.py.

One task follows the issuer's feed by long polling and learns of a revocation within a round trip. A token whose list is
held never waits for the network; a list that is not held waits for one shared refresh.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_service.issuer.long_polling import WAIT_SECONDS, LongPolling
from mcp_service.issuer.refresh_loop import RefreshLoop
from mcp_service.issuer.refresh_state import RecentlyUnknown, UnknownName
from mcp_service.status_lists.cache import StatusListCache, StatusListMetrics
from mcp_service.status_lists.feed import Feed, InvalidFeed, NotAFeed, parse_feed
from mcp_service.status_lists.policy import (
    StatusPolicy,
    StatusRefreshState,
    confirmed,
    delay_seconds,
    on_unknown_list,
    without_feed,
)
from shared.errors import ServiceUnavailable
from shared.fetch.ssrf_safe_client import FetchFailed
from shared.http.health import Readiness
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    import structlog

    from mcp_service.status_lists.feed_fetcher import FeedFetcher
    from mcp_service.status_lists.list_token import ListReader
    from shared.access_tokens.profile import StatusReference
    from shared.background import TaskSupervisor


class FeedCache(StatusListCache):
    """Follows the feed of one issuer, if it has one."""

    def __init__(
        self,
        *,
        fetcher: FeedFetcher,
        reader: ListReader,
        policy: StatusPolicy,
        metrics: StatusListMetrics,
        log: structlog.typing.FilteringBoundLogger,
        clock: Callable[[], float],
    ) -> None:
        """`clock` is monotonic, in seconds."""
        super().__init__(metrics=metrics, log=log, clock=clock)
        self._fetcher = fetcher
        self._reader = reader
        self._policy = policy
        self._prefix = fetcher.prefix
        self._followed = fetcher.is_configured
        self._state = StatusRefreshState(confirmed_at=clock())
        self._cursor = ""
        self._long_polling = LongPolling()
        self._unknown = RecentlyUnknown()
        self._loop = RefreshLoop(
            attempt=self._attempt, wait_seconds=self._wait_seconds, delay_seconds=self._delay_seconds, clock=clock
        )

    async def check(self, status: StatusReference, *, lifetime: float) -> None:  # noqa: ARG002 - a list is kept for longer
        is_issuers = status.uri.startswith(self._prefix)
        if is_issuers and status.uri not in self._lists:
            await self._look_for(status.uri)
        if self._followed:
            self._check_entry(status)

    async def _look_for(self, unverified_uri: str) -> None:
        """Refresh once for all callers. Raises ServiceUnavailable if it cannot be known whether there is the list."""
        decision = on_unknown_list(self._state, self._policy, self._clock(), self._unknown.refused_at(unverified_uri))
        if decision is UnknownName.REFRESH:
            await self._loop.refresh()
            if unverified_uri in self._lists:
                self._metrics.unknown_list("found")
                return
            # A caller that the end of the process interrupts gets 503, not 401 (invariant 8).
            no_response = self._loop.stopping or self._state.failures > 0
            decision = UnknownName.CANNOT_KNOW if no_response else UnknownName.REFUSE
            if decision is UnknownName.REFUSE:
                self._unknown.remember(unverified_uri, self._clock())
        if decision is UnknownName.REFUSE and self._state.has_no_feed:
            self._metrics.unknown_list("no_feed")
            return
        self._metrics.unknown_list(decision.value)
        if decision is UnknownName.CANNOT_KNOW:
            raise ServiceUnavailable(self._problem(), error_id="status_lists_loaded")

    @property
    def age_seconds(self) -> float:
        """Seconds since the lists held were last confirmed; not a number for an issuer without lists."""
        return float("nan") if self._state.has_no_feed else self._clock() - self._state.confirmed_at

    async def readiness(self) -> Readiness:
        """Always ready, since another replica would know no more; the note tells of a feed that cannot be read."""
        if self._state.has_no_feed:
            return Readiness(ready=True, note="the issuer has no status lists")
        is_stale = self.age_seconds >= self._policy.max_stale
        if not self._state.failures and not is_stale:
            return Readiness(ready=True, note=f"{len(self._lists)} lists")
        return Readiness(ready=True, note=self._problem(), impaired=is_stale or not self._state.is_loaded)

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start following the feed in the background; return after the first attempt, or soon without one."""
        await self._loop.start(supervisor, "status_list_refresh")

    async def stop(self) -> None:
        """End the background task and release its waiters."""
        await self._loop.stop()

    def _wait_seconds(self) -> int:
        # After a failure a plain request comes first: it shows at once what was missed meanwhile.
        return WAIT_SECONDS if self._cursor and not self._state.failures else 0

    def _delay_seconds(self) -> float:
        delay = delay_seconds(self._state, self._long_polling, self._clock())
        # Replicas that lost the same issuer must not retry in step.
        return delay * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing

    async def _attempt(self, wait_seconds: int, *, requested: bool) -> None:
        try:
            await self._follow(wait_seconds)
        except (FetchFailed, ServiceUnavailable) as exc:
            self._failed("unreachable", str(exc), wait_seconds)
        except (InvalidFeed, InvalidToken) as exc:
            # The next answer brings every list, so that none is missed for good.
            self._cursor = ""
            self._failed("bad_document", f"{type(exc).__name__}: {exc}", wait_seconds)
        except Exception as exc:  # noqa: BLE001 - logged whole, and counted as a failure
            self._log.exception("status_lists_unexpected_error")
            self._failed("unreachable", f"unexpected {type(exc).__name__}", wait_seconds)
        if requested:
            self._state = self._state.after_unknown(self._clock())

    async def _follow(self, wait_seconds: int) -> None:
        response = await self._fetcher.fetch(cursor=self._cursor, wait_seconds=wait_seconds)
        if response is None:
            if self._followed:
                raise FetchFailed("the issuer's metadata no longer name its status lists")
            self._without_feed()
            return
        try:
            feed = parse_feed(response.body, prefix=self._prefix)
        except NotAFeed:
            if self._followed:
                raise
            self._without_feed()
            return
        changed = await self._take(feed)
        missing = feed.uris - self._lists.keys()
        if missing and not self._cursor:
            raise InvalidFeed(f"{len(missing)} lists are named, but not sent")
        if wait_seconds:
            self._long_polling = self._long_polling.after_response(
                held_back=response.held_back, changed=bool(feed.unverified_changed)
            )
        if self._state.failures:
            self._log.info("status_lists_reachable_again", failures=self._state.failures)
        # A list that is named but was not sent: it is new, or was lost. The next answer brings every list.
        self._cursor = "" if missing else feed.cursor
        self._state = confirmed(self._state, self._clock())
        if self._policy.strict:
            self._trusted_until = self._state.confirmed_at + self._policy.max_stale
        self._metrics.refresh("changed" if changed else "unchanged")

    def _without_feed(self) -> None:
        self._state = without_feed(self._state, self._clock())
        self._metrics.refresh("no_feed")

    async def _take(self, feed: Feed) -> bool:
        """Add what is good; tell whether a bit was new. Raises InvalidToken for the rest."""
        self._bitmaps.keep(feed.uris, self._clock())
        changed, refused = False, None
        for unverified in feed.unverified_changed:
            try:
                status_list = await self._reader.read(unverified, addresses=feed.uris)
            except InvalidToken as exc:
                refused = exc
            else:
                changed = self._bitmaps.merge(status_list) or changed
            await asyncio.sleep(0)  # many lists must not keep requests waiting
        self._followed = True
        if changed:
            self._notify()
        if refused is not None:
            raise refused
        return changed

    def _failed(self, outcome: str, reason: str, wait_seconds: int) -> None:
        if wait_seconds:
            self._long_polling = self._long_polling.after_failure()
        self._state = self._state.after_failure(self._clock())
        self._log_failure(outcome, reason, self._state.failures)

    def _problem(self) -> str:
        since = f"confirmed {self.age_seconds:.0f} s ago" if self._state.is_loaded else "no status lists yet"
        return f"{since}, {self._state.failures} failed attempts"
