"""The composition root of mcp_service: the only place that builds objects and mounts routes."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web
from mcp.server.transport_security import TransportSecuritySettings
from prometheus_client import CollectorRegistry

from mcp_service.guard.bearer import BearerAuthenticator
from mcp_service.guard.challenge import Challenger
from mcp_service.guard.errors import render
from mcp_service.guard.origins import AllowedOrigins
from mcp_service.guard.scope_policy import TOKEN_ONLY, ScopeMap, ScopeRules
from mcp_service.jwks.cache import JwksCache
from mcp_service.jwks.discovery import JwksDiscovery
from mcp_service.jwks.fetcher import JwksFetcher
from mcp_service.jwks.metrics import GuardMetrics, JwksMetrics
from mcp_service.jwks.policy import CachePolicy
from mcp_service.metadata import ProtectedResourceMetadata, metadata_routes
from mcp_service.notes.scopes import NOTES_SCOPES
from mcp_service.servers.in_process import McpEndpoint, running
from mcp_service.servers.loading import load_scope_map, load_server
from mcp_service.servers.security_schemes import announce_scopes
from shared.access_tokens.profile import AccessTokenPolicy
from shared.access_tokens.verifier import TokenVerifier
from shared.background import TaskSupervisor
from shared.errors import Misconfigured
from shared.http.cors import Cors, cors_middleware
from shared.http.health import health_routes
from shared.http.metrics import RequestMetrics, metrics_handler
from shared.http.request_middleware import request_middleware

if TYPE_CHECKING:
    from mcp_service.servers.loading import AnyServer
    from mcp_service.settings import McpSettings
    from shared.redis.client import RedisClient

KEYS: Final = web.AppKey("keys", JwksCache)
METADATA: Final = web.AppKey("metadata", ProtectedResourceMetadata)
SCOPES: Final = web.AppKey("scopes", ScopeMap)


def declared_scopes(settings: McpSettings) -> ScopeMap:
    """The scope map in force. Raises Misconfigured if it and the settings contradict each other."""
    if settings.scopes is not None:
        declared = load_scope_map(settings.scopes)
    else:
        declared = NOTES_SCOPES if settings.server is None else TOKEN_ONLY
    if declared.has_public and not settings.allow_anonymous:
        raise Misconfigured(
            "MCP_SCOPES calls something public, but MCP_ALLOW_ANONYMOUS is off: switch it on, or name scopes"
        )
    return declared


def build_app(
    settings: McpSettings,
    *,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Everything wired together. `clock` is seconds since 1970, `monotonic` never goes back. Raises Misconfigured."""
    log = structlog.get_logger("mcp_service")
    registry = CollectorRegistry()
    supervisor = TaskSupervisor(registry, log)
    declared = declared_scopes(settings)
    rules = ScopeRules(declared, allow_anonymous=settings.allow_anonymous)
    algorithms = frozenset(settings.algorithms)
    server, notes_store = (load_server(settings.server), None) if settings.server else _notes(settings, log)
    metadata = ProtectedResourceMetadata(
        resource=settings.resource,
        issuer=settings.issuer,
        name=settings.resource_name or server.name,
        scopes=declared.default,
    )

    fetcher = JwksFetcher(JwksDiscovery(issuer=settings.issuer, configured=settings.jwks_url), replica=_replica_name())
    key_metrics = JwksMetrics(registry)
    keys = JwksCache(
        fetcher=fetcher,
        policy=CachePolicy(max_stale=settings.jwks_max_stale, cooldown=settings.jwks_cooldown),
        algorithms=algorithms,
        metrics=key_metrics,
        log=log,
        clock=monotonic,
    )
    key_metrics.watch(keys)
    guard = BearerAuthenticator(
        verifier=TokenVerifier(
            keys=keys,
            policy=AccessTokenPolicy(
                issuer=settings.issuer,
                audiences=frozenset({settings.resource, *settings.resource_aliases}),
                algorithms=algorithms,
            ),
            clock=clock,
        ),
        rules=rules,
        challenger=Challenger(metadata.url),
        origins=AllowedOrigins(settings.resource, settings.allowed_origins),
        metrics=GuardMetrics(registry),
        allow_anonymous=settings.allow_anonymous,
        tool_result_auth_clients=settings.tool_result_auth_clients,
    )
    server.middleware.append(announce_scopes(rules))
    server.streamable_http_app(
        stateless_http=not settings.stateful,
        json_response=settings.json_response,
        max_request_body_size=settings.max_body_bytes,
        # Origin is the guard's, and Host decides nothing here (invariant 1).
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    endpoint = McpEndpoint(
        guard=guard, rules=rules, app=server.session_manager.handle_request, sessions=settings.stateful
    )

    cors = {path: Cors("POST, GET, DELETE, OPTIONS") for path in (settings.path, f"{settings.path}/")}
    cors |= {path: Cors("GET, OPTIONS") for path in metadata.paths}
    app = web.Application(
        client_max_size=settings.max_body_bytes,
        middlewares=[
            cors_middleware(cors),
            request_middleware(render=render, log=log, metrics=RequestMetrics(registry)),
        ],
    )
    app[KEYS] = keys
    app[METADATA] = metadata
    app[SCOPES] = declared
    app.add_routes(
        [
            web.route("*", settings.path, endpoint.handle),
            web.route("*", f"{settings.path}/", endpoint.handle),
            *metadata_routes(metadata),
            *health_routes({"keys": keys.readiness}),
            metrics_handler(registry),
        ]
    )

    async def with_cors(request: web.Request, response: web.StreamResponse) -> None:
        # Streams are prepared before any middleware sees them again.
        policy = cors.get(request.path)
        if policy is not None:
            policy.apply(response)

    async def keys_fetched(_app: web.Application) -> AsyncIterator[None]:
        await keys.start(supervisor)
        yield
        await keys.stop()
        await fetcher.close()

    async def server_running(_app: web.Application) -> AsyncIterator[None]:
        async with running(server.session_manager):
            yield
        if notes_store is not None:
            await notes_store.close()

    app.on_response_prepare.append(with_cors)

    app.on_shutdown.append(endpoint.close_streams)
    app.cleanup_ctx.extend([keys_fetched, server_running])
    return app


def _notes(settings: McpSettings, log: structlog.typing.FilteringBoundLogger) -> tuple[AnyServer, RedisClient | None]:
    """The example server and its store. Whoever runs tools of their own need not wait for these to load."""
    from mcp_service.notes.note_store import InMemoryNoteRepository
    from mcp_service.notes.server import build_notes_server

    if settings.notes_redis_url is None:
        log.warning("notes_in_memory", why="MCP_NOTES_REDIS_URL is unset: notes end with this process")
        return build_notes_server(InMemoryNoteRepository()), None
    from mcp_service.notes.redis_notes import RedisNoteRepository
    from shared.redis.topology import open_redis_client

    store = open_redis_client(settings.notes_redis_url.get_secret_value())
    return build_notes_server(RedisNoteRepository(store)), store


def _replica_name() -> str:
    """What `keys rotate` shows of this process: the host (a container's or pod's name) and a mark of this start."""
    return f"{socket.gethostname()[:40]}-{secrets.token_hex(3)}"
