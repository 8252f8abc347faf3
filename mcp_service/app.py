"""The composition root of mcp_service: middlewares, the routes of all packages, and the order of start and stop."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from mcp_service.forwarding.wiring import wire_forwarding
from mcp_service.guard.errors import McpError, TooManyUnauthenticatedRequests, render
from mcp_service.guard.scope_map import ScopeMap
from mcp_service.guard.wiring import wire_guard, wire_scope_check
from mcp_service.jwks.cache import JwksCache
from mcp_service.jwks.wiring import wire_jwks
from mcp_service.metadata import ProtectedResourceMetadata
from mcp_service.pages.browser_pages import pages_for_browsers
from mcp_service.routes import cors_policies, endpoints, readiness_checks
from mcp_service.runtime import Runtime
from mcp_service.servers.wiring import configure_server, wire_server
from mcp_service.status_lists.cache import StatusListCache
from mcp_service.status_lists.wiring import wire_status_lists
from shared.background import TaskSupervisor
from shared.errors import ServiceUnavailable
from shared.http.application import checked_application, fixed_headers, rate_limits
from shared.http.connections import ConnectionTable
from shared.http.health import health_routes, metrics_route
from shared.http.prepared_documents import PREPARED_DOCUMENTS, PreparedDocuments
from shared.http.request_middleware import RequestMetrics, context_middleware, request_middleware
from shared.ip_addresses import parse_networks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from mcp_service.settings import McpSettings

KEYS: Final = web.AppKey("keys", JwksCache)
STATUS_LISTS: Final = web.AppKey("status_lists", StatusListCache)
METADATA: Final = web.AppKey("metadata", ProtectedResourceMetadata)
SCOPES: Final = web.AppKey("scopes", ScopeMap)


def build_app(
    settings: McpSettings,
    *,
    registry: CollectorRegistry | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Build the service, whose metrics are added to `registry`. Raises Misconfigured.

    `clock` is seconds since 1970, `monotonic` never goes back.
    """
    runtime = Runtime(settings, registry or CollectorRegistry(), structlog.get_logger("mcp_service"), clock, monotonic)
    supervisor = TaskSupervisor(runtime.registry, runtime.log)
    configured = configure_server(runtime)
    own_keys = configured.own_keys
    metadata = ProtectedResourceMetadata(
        resource=settings.resource,
        issuer=settings.issuer,
        name=settings.resource_name or configured.name,
        scopes=configured.scopes.requested_first,
        all_scopes={name: described.implies for name, described in configured.scopes.scopes.items()},
        jwks_uri=None if own_keys is None else own_keys.jwks_uri,
    )
    scope_check = wire_scope_check(runtime, configured.scopes)
    jwks = wire_jwks(runtime)
    status_lists = wire_status_lists(runtime, keys=jwks.cache)
    guard = wire_guard(
        runtime, keys=jwks.cache, status_lists=status_lists.cache, scopes=configured.scopes, metadata_url=metadata.url
    )
    servers = wire_server(runtime, configured, guard)
    jwks.cache.on_change(servers.streams.end_refused)
    status_lists.cache.on_change(servers.streams.end_refused)
    forwarding = wire_forwarding(runtime)
    endpoint_paths = (settings.path, f"{settings.path}/")
    cors = cors_policies(endpoint_paths, metadata)
    trusted, is_https = parse_networks(settings.trusted_proxies), settings.resource.startswith("https://")
    metrics = RequestMetrics(runtime.registry)
    app = checked_application(
        client_max_size=settings.max_body_bytes,
        middlewares=[
            context_middleware(trusted),
            request_middleware(
                render=pages_for_browsers(render, name=metadata.name, resource=metadata.resource),
                log=runtime.log,
                metrics=metrics,
            ),
            rate_limits(
                guard.limits.check_unauthenticated,
                counting_paths=endpoint_paths,
                counted=(McpError, ServiceUnavailable, TooManyUnauthenticatedRequests),
            ),
        ],
        cors=cors,
        connections=ConnectionTable.from_settings(settings, runtime.registry),
        is_https=is_https,
    )
    app[KEYS], app[STATUS_LISTS] = jwks.cache, status_lists.cache
    app[PREPARED_DOCUMENTS] = PreparedDocuments(
        dict.fromkeys(metadata.paths, metadata.find),
        fixed_headers=fixed_headers(cors, is_https=is_https),
        trusted=trusted,
        count=guard.limits.admit_unauthenticated,
        metrics=metrics,
        log=runtime.log,
    )
    app[METADATA], app[SCOPES] = metadata, configured.scopes
    app.add_routes(
        [
            *endpoints(endpoint_paths, servers, metadata),
            *health_routes(readiness_checks(jwks, status_lists, servers, scope_check, own_keys)),
            metrics_route(runtime.registry),
            *(own_keys.endpoint.routes() if own_keys is not None else ()),
            *(forwarding.routes() if forwarding is not None else ()),
        ]
    )

    async def lifespan(_app: web.Application) -> AsyncIterator[None]:
        """Start the components and stop them in reverse order, also when a later start fails."""
        async with AsyncExitStack() as stack:
            if configured.redis is not None:
                stack.push_async_callback(configured.redis.close)
            stack.push_async_callback(jwks.fetcher.close)
            stack.push_async_callback(jwks.cache.stop)
            stack.push_async_callback(status_lists.fetcher.close)
            stack.push_async_callback(status_lists.cache.stop)
            if forwarding is not None:
                stack.push_async_callback(forwarding.close)
                await forwarding.start()
            if own_keys is not None:
                stack.push_async_callback(own_keys.source.stop)
                await own_keys.source.start(supervisor)
            await jwks.cache.start(supervisor)
            await status_lists.cache.start(supervisor)
            await stack.enter_async_context(servers.server.lifespan(supervisor))
            stack.push_async_callback(scope_check.stop)
            await scope_check.start(supervisor)
            yield

    servers.streams.register(app, paths=endpoint_paths)
    app.cleanup_ctx.append(lifespan)
    return app
