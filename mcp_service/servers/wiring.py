"""Loads the protected server and mounts it behind the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.server.transport_security import TransportSecuritySettings

from mcp_service.guard.scope_policy import TOKEN_ONLY, ScopeMap
from mcp_service.notes.scopes import NOTES_SCOPES
from mcp_service.servers.in_process import McpEndpoint, security_schemes_middleware
from mcp_service.servers.loading import load_scope_map, load_server
from mcp_service.servers.open_streams import OpenStreams
from shared.errors import Misconfigured

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

    from mcp_service.guard.wiring import GuardComponents
    from mcp_service.runtime import Runtime
    from mcp_service.servers.loading import AnyServer
    from mcp_service.settings import McpSettings
    from shared.redis.client import RedisClient


@dataclass(frozen=True, slots=True)
class LoadedServer:
    """The server and its scope map. `redis` is the connection of the notes example, if it uses one."""

    server: AnyServer
    scopes: ScopeMap
    redis: RedisClient | None


@dataclass(frozen=True, slots=True)
class ServerComponents:
    """The handler of the MCP endpoint, its open streams, and the SDK's session manager behind it."""

    endpoint: McpEndpoint
    streams: OpenStreams
    session_manager: StreamableHTTPSessionManager


def load_protected_server(runtime: Runtime) -> LoadedServer:
    """Load the configured server, or the notes example. Raises Misconfigured."""
    scopes = declared_scopes(runtime.settings)
    if runtime.settings.server is not None:
        return LoadedServer(load_server(runtime.settings.server), scopes, None)
    server, redis = _notes(runtime)
    return LoadedServer(server, scopes, redis)


def declared_scopes(settings: McpSettings) -> ScopeMap:
    """The scope map in force. Raises Misconfigured if it contradicts the settings."""
    if settings.scopes is not None:
        declared = load_scope_map(settings.scopes)
    else:
        declared = ScopeMap.model_validate(NOTES_SCOPES) if settings.server is None else TOKEN_ONLY
    if declared.has_public and not settings.allow_anonymous:
        raise Misconfigured(
            "MCP_SCOPES calls something public, but MCP_ALLOW_ANONYMOUS is off: switch it on, or name scopes"
        )
    return declared


def mount_server(runtime: Runtime, loaded: LoadedServer, guard: GuardComponents) -> ServerComponents:
    """Build the endpoint of a loaded server."""
    settings = runtime.settings
    server = loaded.server
    server.middleware.append(security_schemes_middleware(guard.rules))
    server.streamable_http_app(
        stateless_http=not settings.stateful,
        json_response=settings.json_response,
        max_request_body_size=settings.max_body_bytes,
        # The guard checks Origin, and Host decides nothing here (invariant 1).
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    streams = OpenStreams(verifier=guard.verifier, clock=runtime.clock)
    endpoint = McpEndpoint(
        guard=guard,
        streams=streams,
        app=manager.handle_request,
        clock=runtime.clock,
        stateful=settings.stateful,
    )
    return ServerComponents(endpoint, streams, manager)


def _notes(runtime: Runtime) -> tuple[AnyServer, RedisClient | None]:
    # Imported here: another server need not wait for the example and its Redis client to load.
    from mcp_service.notes.repository import InMemoryNoteRepository
    from mcp_service.notes.server import build_notes_server

    url = runtime.settings.notes_redis_url
    if url is None:
        runtime.log.warning("notes_in_memory", why="MCP_NOTES_REDIS_URL is unset: notes end with this process")
        return build_notes_server(InMemoryNoteRepository()), None
    from mcp_service.notes.redis_repository import RedisNoteRepository
    from shared.redis.topology import open_redis_client

    redis = open_redis_client(url.get_secret_value())
    return build_notes_server(RedisNoteRepository(redis)), redis
