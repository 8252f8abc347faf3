"""The composition root of auth_service: middlewares, routes (routes.py), and the order of start and stop."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import structlog
from prometheus_client import CollectorRegistry

from auth_service.http.error_responses import ErrorRenderer
from auth_service.http.readiness import RedisMonitor
from auth_service.rate_limits.limits import rate_limit_middleware
from auth_service.routes import cors, documents, endpoints, pages
from auth_service.runtime import Runtime
from auth_service.status_lists.identifiers import PATH as STATUS_LISTS_PATH
from auth_service.wiring import wire
from shared.background import TaskSupervisor
from shared.http.application import checked_application, fixed_headers
from shared.http.connections import ConnectionTable
from shared.http.health import health_routes, metrics_route
from shared.http.mutation_shield import MUTATION_SHIELD, MutationShield
from shared.http.prepared_documents import PREPARED_DOCUMENTS, PreparedDocuments
from shared.http.request_middleware import RequestMetrics, context_middleware, request_middleware
from shared.ip_addresses import parse_networks
from shared.redis.durability import log_configuration_warnings
from shared.redis.topology import open_redis_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from auth_service.federation.wiring import ProviderFactory
    from auth_service.settings import AuthSettings
    from shared.fetch.ssrf_safe_client import SsrfSafeClient
    from shared.redis.client import RedisClient

MAX_BODY_BYTES: Final = 64 * 1024


def build_app(
    settings: AuthSettings,
    *,
    registry: CollectorRegistry | None = None,
    store: RedisClient | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    public_fetch: SsrfSafeClient | None = None,
    build_provider: ProviderFactory | None = None,
) -> web.Application:
    """Build the application, with metrics in `registry`; tests pass the other parameters. Raises Misconfigured."""
    redis = store or open_redis_client(settings.redis_url.get_secret_value(), timeout_seconds=settings.store_timeout)
    log = structlog.get_logger("auth_service")
    runtime = Runtime(settings, redis, registry or CollectorRegistry(), log, clock, monotonic)
    components = wire(runtime, public_fetch=public_fetch, build_provider=build_provider)
    page_routes = pages(settings.base_path, components)
    trusted = parse_networks(settings.trusted_proxies)
    metrics = RequestMetrics(runtime.registry)
    policies = cors(settings.base_path, components)
    app = checked_application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            context_middleware(trusted),
            request_middleware(
                render=ErrorRenderer(
                    issuer=settings.issuer,
                    pages=components.browser.pages,
                    not_found=components.browser.not_found,
                    page_paths=frozenset(route.path for route in page_routes),
                ),
                log=runtime.log,
                metrics=metrics,
                on_error=components.errors,
            ),
            rate_limit_middleware(components.limits, exceptions=components.limit_exceptions),
        ],
        cors=policies,
        connections=ConnectionTable.from_settings(settings, runtime.registry),
        is_https=not settings.is_local,
        public_documents=(f"{settings.base_path}{STATUS_LISTS_PATH}",),
    )
    shield = app[MUTATION_SHIELD] = MutationShield()
    app[PREPARED_DOCUMENTS] = PreparedDocuments(
        documents(settings.base_path, components),
        fixed_headers=fixed_headers(policies, is_https=not settings.is_local),
        trusted=trusted,
        count=components.limits.admit_request,
        metrics=metrics,
        log=runtime.log,
    )
    app.add_routes([*page_routes, *endpoints(settings.base_path, components)])
    monitor = RedisMonitor(redis, runtime.registry)
    checks = {"redis": monitor.readiness, **components.readiness_checks}
    app.add_routes([*health_routes(checks), metrics_route(runtime.registry)])

    async def lifespan(_app: web.Application) -> AsyncIterator[None]:
        """Stops in reverse order every component that was started, also if a later start fails."""
        async with AsyncExitStack() as stack:
            if store is None:
                stack.push_async_callback(redis.close)
            stack.callback(components.hasher.close)
            stack.callback(components.keys.signer.close)
            stack.push_async_callback(components.clients.cimd.close)
            stack.push_async_callback(components.clients.jwks.close)
            stack.push_async_callback(components.federation.close)
            await log_configuration_warnings(redis, runtime.log)
            supervisor = TaskSupervisor(runtime.registry, runtime.log)
            for loop in (*components.loops, monitor):
                stack.push_async_callback(loop.stop)
                await loop.start(supervisor)
            stack.push_async_callback(shield.finish, seconds=settings.store_timeout)
            yield

    app.cleanup_ctx.append(lifespan)
    app.on_shutdown.extend(e.end_long_polls for e in (components.keys.endpoint, components.status_lists.endpoint))
    return app
