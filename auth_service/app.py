"""The composition root of auth_service: middlewares, one table of routes, and the order of start and stop."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry

from auth_service.http.error_responses import ErrorRenderer
from auth_service.http.readiness import RedisMonitor
from auth_service.keys.jwks_endpoint import CORS as JWKS_CORS
from auth_service.rate_limits.limits import rate_limit_middleware
from auth_service.runtime import Runtime
from auth_service.wiring import Components, wire
from shared.background import TaskSupervisor
from shared.http.application import Cors, checked_application
from shared.http.connections import ConnectionTable
from shared.http.health import health_routes, metrics_route
from shared.http.request_middleware import MutationShield, RequestMetrics, client_address_middleware, request_middleware
from shared.ip_addresses import parse_networks
from shared.redis.durability import log_configuration_warnings
from shared.redis.topology import open_redis_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from auth_service.settings import AuthSettings
    from shared.fetch.ssrf_safe_client import SsrfSafeClient
    from shared.redis.client import RedisClient

MAX_BODY_BYTES: Final = 64 * 1024
_READ: Final = Cors(methods="GET, HEAD, OPTIONS")
_POST: Final = Cors(methods="POST, OPTIONS")
_READ_OR_POST: Final = Cors(methods="GET, POST, OPTIONS")


def build_service(
    settings: AuthSettings,
    *,
    registry: CollectorRegistry | None = None,
    store: RedisClient | None = None,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
    public_fetch: SsrfSafeClient | None = None,
) -> web.Application:
    """Build the service, with metrics in `registry`. Raises Misconfigured. Only tests pass what follows `registry`."""
    redis = store or open_redis_client(settings.redis_url.get_secret_value(), timeout_seconds=settings.store_timeout)
    log = structlog.get_logger("auth_service")
    runtime = Runtime(settings, redis, registry or CollectorRegistry(), log, clock, monotonic)
    components = wire(runtime, public_fetch=public_fetch)
    pages = _pages(settings.base_path, components)
    shield = MutationShield()
    app = checked_application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            shield.middleware,
            client_address_middleware(parse_networks(settings.trusted_proxies)),
            request_middleware(
                render=ErrorRenderer(
                    issuer=settings.issuer,
                    pages=components.browser.pages,
                    page_paths=frozenset(route.path for route in pages),
                ),
                log=runtime.log,
                metrics=RequestMetrics(runtime.registry),
                on_error=components.errors,
            ),
            rate_limit_middleware(components.limits, exceptions=components.limit_exceptions),
        ],
        cors=_cors(settings.base_path, components),
        connections=ConnectionTable.from_settings(settings, runtime.registry),
        is_https=not settings.is_local,
    )
    app.add_routes([*pages, *_endpoints(settings.base_path, components)])
    monitor = RedisMonitor(redis, runtime.registry)
    checks = {"redis": monitor.readiness, **components.readiness_checks}
    app.add_routes([*health_routes(checks), metrics_route(runtime.registry)])

    async def lifespan(_app: web.Application) -> AsyncIterator[None]:
        """Stops in reverse order every component that was started, also if a later start fails."""
        async with AsyncExitStack() as stack:
            if store is None:
                stack.push_async_callback(redis.close)
            stack.callback(components.hasher.close)
            stack.push_async_callback(components.clients.cimd.close)
            stack.push_async_callback(components.clients.jwks.close)
            await log_configuration_warnings(redis, runtime.log)
            supervisor = TaskSupervisor(runtime.registry, runtime.log)
            for loop in (*components.loops, monitor):
                stack.push_async_callback(loop.stop)
                await loop.start(supervisor)
            stack.push_async_callback(shield.finish, seconds=settings.store_timeout)
            yield

    app.cleanup_ctx.append(lifespan)
    app.on_shutdown.append(components.keys.endpoint.end_long_polls)
    return app


def _pages(base: str, c: Components) -> list[web.RouteDef]:
    """Routes that a browser visits: an error there is a page."""
    return [
        web.get(f"{base}/authorize", c.authorization.authorize.show, allow_head=False),
        web.post(f"{base}/authorize", c.authorization.authorize.submit),
        web.get(f"{base}/sign-in", c.sign_in.endpoint.show, allow_head=False),
        web.post(f"{base}/sign-in", c.sign_in.endpoint.submit),
        web.get(f"{base}/consent", c.authorization.consent.show, allow_head=False),
        web.post(f"{base}/consent", c.authorization.consent.submit),
        web.get(f"{base}/", c.account.page.redirect_to_account, allow_head=False),
        web.get(f"{base}/account", c.account.page.show, allow_head=False),
        web.post(f"{base}/account/end-access", c.account.endpoint.end_access),
        web.post(f"{base}/account/password", c.account.password.__call__),
        web.post(f"{base}/account/sign-out", c.account.endpoint.sign_out),
    ]


def _endpoints(base: str, c: Components) -> list[web.RouteDef]:
    """Routes that a client calls: an error there is JSON."""
    registration = f"{base}/register/{{client_id}}"
    return [
        *(web.get(path, c.metadata.__call__) for path in c.metadata.paths),
        web.get(f"{base}/.well-known/jwks.json", c.keys.endpoint.show),
        web.post(f"{base}/register", c.clients.registration.register),
        web.get(registration, c.clients.registration.read, allow_head=False),
        web.put(registration, c.clients.registration.update),
        web.delete(registration, c.clients.registration.delete),
        web.post(f"{base}/token", c.token.__call__),
        web.post(f"{base}/token/introspect", c.introspection.introspect.__call__),
        web.post(f"{base}/token/revoke", c.introspection.revoke.__call__),
        web.get(f"{base}/userinfo", c.introspection.userinfo.__call__, allow_head=False),
        web.post(f"{base}/userinfo", c.introspection.userinfo.__call__),
    ]


def _cors(base: str, c: Components) -> dict[str, Cors]:
    """Cross-origin access (interop.md R9): for endpoints that browser clients call, never for pages."""
    post = (f"{base}{path}" for path in ("/token", "/token/introspect", "/token/revoke", "/register"))
    return {
        **dict.fromkeys(c.metadata.paths, _READ),
        **dict.fromkeys(post, _POST),
        f"{base}/register/*": Cors(methods="GET, PUT, DELETE, OPTIONS"),
        f"{base}/.well-known/jwks.json": JWKS_CORS,
        f"{base}/userinfo": _READ_OR_POST,
    }
