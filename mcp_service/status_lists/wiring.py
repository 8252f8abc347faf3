"""Builds the cache of the issuer's status lists: of those that a feed brings, or of those below configured prefixes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_service.status_lists.cache import StatusListCache, StatusListMetrics
from mcp_service.status_lists.discovery import FeedDiscovery
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from mcp_service.status_lists.list_cache import ListCache
from mcp_service.status_lists.list_encoding import DRAFT_FORM, FEED_FORM, ListForm
from mcp_service.status_lists.list_fetcher import ListAddresses, ListFetcher
from mcp_service.status_lists.list_token import ListReader
from mcp_service.status_lists.policy import StatusPolicy

if TYPE_CHECKING:
    from mcp_service.runtime import Runtime
    from shared.access_tokens.verifier import VerificationKeyResolver


@dataclass(frozen=True, slots=True)
class StatusListComponents:
    """The cache, and the fetcher whose connections outlive it."""

    cache: StatusListCache
    fetcher: FeedFetcher | ListFetcher


def wire_status_lists(runtime: Runtime, *, keys: VerificationKeyResolver) -> StatusListComponents:
    """Build the components; nothing is fetched yet."""
    settings = runtime.settings
    built = _lists_by_address(runtime, keys) if settings.status_list_prefixes else _lists_by_feed(runtime, keys)
    built.cache.export_gauges(runtime.registry)
    return built


def _lists_by_feed(runtime: Runtime, keys: VerificationKeyResolver) -> StatusListComponents:
    settings = runtime.settings
    fetcher = FeedFetcher(FeedDiscovery(issuer=settings.issuer, configured=settings.status_lists_url))
    cache = FeedCache(
        fetcher=fetcher,
        reader=_reader(runtime, keys, FEED_FORM),
        policy=_policy(runtime),
        metrics=StatusListMetrics(runtime.registry),
        log=runtime.log,
        clock=runtime.monotonic,
    )
    return StatusListComponents(cache, fetcher)


def _lists_by_address(runtime: Runtime, keys: VerificationKeyResolver) -> StatusListComponents:
    fetcher = ListFetcher(ListAddresses(runtime.settings.status_list_prefixes))
    cache = ListCache(
        fetcher=fetcher,
        reader=_reader(runtime, keys, DRAFT_FORM),
        policy=_policy(runtime),
        metrics=StatusListMetrics(runtime.registry),
        log=runtime.log,
        clock=runtime.monotonic,
    )
    return StatusListComponents(cache, fetcher)


def _reader(runtime: Runtime, keys: VerificationKeyResolver, form: ListForm) -> ListReader:
    settings = runtime.settings
    return ListReader(
        issuer=settings.issuer,
        keys=keys,
        algorithms=frozenset(settings.algorithms),
        form=form,
        clock=runtime.clock,
    )


def _policy(runtime: Runtime) -> StatusPolicy:
    settings = runtime.settings
    return StatusPolicy(
        max_stale=settings.status_max_stale, cooldown=settings.jwks_cooldown, strict=settings.status_strict
    )
