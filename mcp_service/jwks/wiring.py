"""Builds the cache of the issuer's JWKS."""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp_service.issuer.refresh_state import RefreshPolicy
from mcp_service.jwks.cache import JwksCache, JwksMetrics
from mcp_service.jwks.discovery import JwksDiscovery
from mcp_service.jwks.fetcher import JwksFetcher
from shared.clock_skew import ClockSkew

if TYPE_CHECKING:
    from mcp_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class JwksComponents:
    """The cache, and the fetcher whose connections outlive it."""

    cache: JwksCache
    fetcher: JwksFetcher


def wire_jwks(runtime: Runtime) -> JwksComponents:
    """Build the components; nothing is fetched yet."""
    settings = runtime.settings
    discovery = JwksDiscovery(issuer=settings.issuer, configured=settings.jwks_url)
    skew = ClockSkew(runtime.registry, runtime.log, reference="issuer", clock=runtime.clock)
    fetcher = JwksFetcher(discovery, replica=_replica_name(), clock_skew=skew)
    cache = JwksCache(
        fetcher=fetcher,
        policy=RefreshPolicy(max_stale=settings.jwks_max_stale, cooldown=settings.jwks_cooldown),
        algorithms=frozenset(settings.algorithms),
        metrics=JwksMetrics(runtime.registry),
        log=runtime.log,
        clock=runtime.monotonic,
    )
    cache.export_gauges(runtime.registry)
    return JwksComponents(cache, fetcher)


def _replica_name() -> str:
    """The name of this process in `keys rotate`: the host (a container's or pod's name) and a random suffix."""
    return f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}"
