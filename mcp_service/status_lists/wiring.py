"""Builds the cache of the issuer's status lists."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_service.status_lists.discovery import FeedDiscovery
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from mcp_service.status_lists.list_encoding import FEED_FORM
from mcp_service.status_lists.list_token import ListReader
from mcp_service.status_lists.metrics import StatusListMetrics
from mcp_service.status_lists.policy import StatusPolicy

if TYPE_CHECKING:
    from mcp_service.runtime import Runtime
    from shared.access_tokens.verifier import VerificationKeyResolver


@dataclass(frozen=True, slots=True)
class StatusListComponents:
    """The cache, and the fetcher whose connections outlive it."""

    cache: FeedCache
    fetcher: FeedFetcher


def wire_status_lists(runtime: Runtime, *, keys: VerificationKeyResolver) -> StatusListComponents:
    """Build the components; nothing is fetched yet."""
    settings = runtime.settings
    fetcher = FeedFetcher(FeedDiscovery(issuer=settings.issuer, configured=settings.status_lists_url))
    cache = FeedCache(
        fetcher=fetcher,
        reader=ListReader(
            issuer=settings.issuer,
            keys=keys,
            algorithms=frozenset(settings.algorithms),
            form=FEED_FORM,
            clock=runtime.clock,
        ),
        policy=StatusPolicy(
            max_stale=settings.status_max_stale, cooldown=settings.jwks_cooldown, strict=settings.status_strict
        ),
        metrics=StatusListMetrics(runtime.registry),
        log=runtime.log,
        clock=runtime.monotonic,
    )
    cache.export_gauges(runtime.registry)
    return StatusListComponents(cache, fetcher)
