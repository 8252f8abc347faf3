"""The cache of lists that are fetched by their addresses (invariant 12): of an issuer without a feed.

The first token that names a list causes one fetch, shared by all requests that need it. From then on one task keeps the
list current in the background, until the last token that named it has expired. No request waits for a list once it is
held.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from mcp_service.issuer.refresh_state import RecentlyUnknown, RefreshState, UnknownName
from mcp_service.status_lists.cache import StatusListCache, StatusListMetrics
from mcp_service.status_lists.feed import MAX_LISTS
from mcp_service.status_lists.policy import (
    StatusPolicy,
    StatusRefreshState,
    confirmed,
    list_delay_seconds,
    refresh_seconds,
)
from shared.background import end_tasks
from shared.errors import ServiceUnavailable
from shared.fetch.ssrf_safe_client import FetchFailed, FetchGone
from shared.http.health import Readiness
from shared.jose.jws import InvalidToken
from shared.single_flight import SingleFlight

if TYPE_CHECKING:
    import structlog

    from mcp_service.status_lists.list_fetcher import ListFetcher
    from mcp_service.status_lists.list_token import ListReader
    from shared.access_tokens.profile import StatusReference
    from shared.background import TaskSupervisor

GRACE_SECONDS: Final = 60.0
"""How long a list is kept beyond the expiry of its last token; a token is accepted a little longer than it says."""


@dataclass(slots=True)
class FollowedList:
    """One list in memory. Times are of the monotonic clock."""

    state: StatusRefreshState
    needed_until: float
    etag: str | None = None
    ttl: float | None = None
    expires_at: float = 0.0
    refresh_after: float = 0.0
    task: asyncio.Task[None] | None = None

    def is_current(self, policy: StatusPolicy, now: float) -> bool:
        """Whether the list was confirmed recently, and has not expired."""
        return now < min(self.state.confirmed_at + policy.max_stale, self.expires_at)


class ListCache(StatusListCache):
    """Follows each list that a verified token of the issuer names."""

    def __init__(
        self,
        *,
        fetcher: ListFetcher,
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
        self._followed = True
        self._by_address: dict[str, FollowedList] = {}
        self._gone = RecentlyUnknown()
        self._failed_at = RecentlyUnknown()
        self._flights: SingleFlight[None] = SingleFlight()
        self._supervisor: TaskSupervisor | None = None
        self._stopping = False

    def allow(self, status: StatusReference | None) -> bool:
        if not super().allow(status):
            return False
        return status is None or not self._policy.strict or self._is_current(status.uri)

    async def check(self, status: StatusReference, *, lifetime: float) -> None:
        if not self._fetcher.may_fetch(status.uri):
            self._metrics.unknown_list(UnknownName.REFUSE.value)
            raise InvalidToken("status_list", f"status_list {status.uri!r:.200} is below none of the prefixes")
        if status.uri not in self._lists:
            await self._look_for(status.uri)
        followed = self._by_address[status.uri]
        followed.needed_until = max(followed.needed_until, self._clock() + lifetime + GRACE_SECONDS)
        self._check_entry(status)

    async def _look_for(self, uri: str) -> None:
        """Fetch once for all callers. Raises InvalidToken if there is no such list, ServiceUnavailable if unknown."""
        decision = self._on_unknown(uri)
        if decision is UnknownName.REFRESH:
            await self._flights.run(uri, partial(self._refresh, uri))
            if uri in self._lists:
                self._metrics.unknown_list("found")
                return
            # A caller that the end of the process interrupts gets 503, not 401 (invariant 8).
            decision = UnknownName.CANNOT_KNOW if self._stopping else self._on_unknown(uri)
        self._metrics.unknown_list(decision.value)
        if decision is UnknownName.REFUSE:
            raise InvalidToken("status_list", f"the issuer has no list {uri!r:.200}")
        raise ServiceUnavailable(f"the list {uri!r:.200} cannot be read", error_id="status_lists_loaded")

    def _on_unknown(self, uri: str) -> UnknownName:
        state = RefreshState(unknown_refresh_at=self._failed_at.refused_at(uri))
        return state.on_unknown(self._policy, self._clock(), self._gone.refused_at(uri), is_answered=False)

    @property
    def age_seconds(self) -> float:
        """Seconds since the first of the lists held should have been refreshed; not a number without lists."""
        due = [each.state.confirmed_at + each.refresh_after for each in self._by_address.values()]
        return max(0.0, self._clock() - min(due)) if due else float("nan")

    async def readiness(self) -> Readiness:
        """Always ready, since another replica would know no more; the note tells of lists that cannot be read."""
        if self._clock() < self._failed_at.latest_at + self._policy.unknown_remembered:
            return Readiness(ready=True, note="a list that tokens name was never read", impaired=True)
        if not any(each.state.failures for each in self._by_address.values()):
            return Readiness(ready=True, note=f"{len(self._lists)} lists")
        return Readiness(ready=True, note=self._problem(), impaired=not all(map(self._is_current, self._by_address)))

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Be ready to follow lists; none is known yet."""
        self._supervisor = supervisor

    async def stop(self) -> None:
        """End the background tasks and the fetches; requests that wait for one are answered 503."""
        self._stopping = True
        await self._flights.close()
        await end_tasks([each.task for each in self._by_address.values() if each.task is not None])

    def _is_current(self, uri: str) -> bool:
        return self._by_address[uri].is_current(self._policy, self._clock())

    async def _keep(self, uri: str) -> None:
        """Refresh one list until no token needs it."""
        followed = self._by_address[uri]
        while (left := followed.needed_until - self._clock()) > 0:
            delay = list_delay_seconds(followed.state, followed.refresh_after, self._clock())
            # Replicas must not ask in step.
            await asyncio.sleep(min(left, delay * random.uniform(0.9, 1.0)))  # noqa: S311 - spreads load
            if self._clock() < followed.needed_until:
                await self._flights.run(uri, partial(self._refresh, uri))
        self._bitmaps.drop(uri)
        del self._by_address[uri]

    async def _refresh(self, uri: str) -> None:
        """Fetch one list, new or held. Raises nothing."""
        if self._stopping:
            return
        try:
            changed = await self._fetch(uri)
        except FetchGone as exc:
            self._gone.remember(uri, self._clock())
            self._failed(uri, "gone", str(exc))
        except (FetchFailed, ServiceUnavailable) as exc:
            self._failed(uri, "unreachable", str(exc))
        except InvalidToken as exc:
            self._failed(uri, "bad_document", f"{exc.error_id}: {exc.reason}")
        except asyncio.CancelledError:
            # By `stop`: the callers that wait go on, and are answered 503.
            if not self._stopping:
                raise
        except Exception as exc:  # noqa: BLE001 - logged whole, and counted as a failure
            self._log.exception("status_lists_unexpected_error")
            self._failed(uri, "unreachable", f"unexpected {type(exc).__name__}")
        else:
            self._metrics.refresh("changed" if changed else "unchanged")

    async def _fetch(self, uri: str) -> bool:
        """Fetch and take one list; tell whether a token lost its entry. Raises what `_refresh` handles."""
        followed = self._by_address.get(uri)
        self._check_room(followed)
        response = await self._fetcher.fetch(uri, etag=None if followed is None else followed.etag)
        if response.unverified_token is None and followed is not None:
            self._confirm(uri, followed)
            return False
        status_list = await self._reader.read(response.unverified_token or "", addresses=(uri,))
        self._check_room(followed)  # others were fetched meanwhile
        changed = self._bitmaps.follow(status_list)
        if followed is None:
            followed = self._follow(uri)
            self._failed_at.forget(uri)
        followed.etag, followed.ttl = response.etag, status_list.ttl
        followed.expires_at = self._clock() + self._reader.seconds_until(status_list.expires_at)
        self._confirm(uri, followed)
        if changed:
            self._notify()
        return changed

    def _check_room(self, followed: FollowedList | None) -> None:
        if followed is None and len(self._by_address) >= MAX_LISTS:
            raise FetchFailed(f"{MAX_LISTS} lists are held, and tokens need them")

    def _follow(self, uri: str) -> FollowedList:
        now = self._clock()
        followed = self._by_address[uri] = FollowedList(StatusRefreshState(confirmed_at=now), now + GRACE_SECONDS)
        if self._supervisor is not None:
            followed.task = self._supervisor.start("status_list_refresh", partial(self._keep, uri))
        return followed

    def _confirm(self, uri: str, followed: FollowedList) -> None:
        """The list held is the issuer's. Raises InvalidToken if it has expired."""
        now = self._clock()
        if followed.expires_at <= now:
            followed.etag = None
            raise InvalidToken("exp", "the list is said to be current, and has expired")
        if followed.state.failures:
            self._log.info("status_lists_reachable_again", failures=followed.state.failures, status_list=uri)
        followed.refresh_after = refresh_seconds(followed.ttl, followed.expires_at - now, self._policy)
        followed.state = confirmed(followed.state, now)

    def _failed(self, uri: str, outcome: str, reason: str) -> None:
        now = self._clock()
        followed = self._by_address.get(uri)
        if followed is None:
            if outcome != "gone":
                self._failed_at.remember(uri, now)
            self._log_failure(outcome, reason, 1, status_list=uri)
            return
        followed.state = followed.state.after_failure(now)
        self._log_failure(outcome, reason, followed.state.failures, status_list=uri)

    def _problem(self) -> str:
        failing = [each for each in self._by_address.values() if each.state.failures]
        oldest = min((each.state.confirmed_at for each in failing), default=self._clock())
        return (
            f"{len(failing)} of {len(self._by_address)} lists cannot be read, "
            f"the oldest was confirmed {self._clock() - oldest:.0f} s ago"
        )
