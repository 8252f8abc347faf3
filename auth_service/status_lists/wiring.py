"""Builds the status lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.status_lists.endpoint import StatusListEndpoint
from auth_service.status_lists.published_lists import PublishedStatusLists
from auth_service.status_lists.repository import StatusListRepository

if TYPE_CHECKING:
    from auth_service.keys.key_ring import KeyRing
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class StatusListComponents:
    """The lists of this process, and the endpoint that publishes them."""

    published: PublishedStatusLists
    endpoint: StatusListEndpoint


def wire_status_lists(runtime: Runtime, *, key_ring: KeyRing, limits: RateLimits) -> StatusListComponents:
    """Build the components; nothing is read yet."""
    published = PublishedStatusLists(
        issuer=runtime.settings.issuer,
        repository=StatusListRepository(runtime.redis),
        key_ring=key_ring,
        log=runtime.log,
        clock=runtime.clock,
        monotonic=runtime.monotonic,
    )
    return StatusListComponents(published, StatusListEndpoint(published, limits))
