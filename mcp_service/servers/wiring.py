"""Chooses the protected server and puts it behind the guard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mcp.server import MCPServer
from mcp.server.lowlevel import Server

from mcp_service.guard.scope_map import TOKEN_ONLY, ScopeMap
from mcp_service.notes.scopes import NOTES_SCOPES
from mcp_service.servers.endpoint import McpEndpoint
from mcp_service.servers.fastmcp_server import FastMcp, fastmcp_application
from mcp_service.servers.in_process import InProcessServer
from mcp_service.servers.list_policy import ListPolicy, UndeclaredTools
from mcp_service.servers.loading import load_scope_map, load_server
from mcp_service.servers.open_streams import OpenStreams
from mcp_service.servers.sdk_server import sdk_application
from shared.errors import Misconfigured

if TYPE_CHECKING:
    from mcp_service.guard.wiring import GuardComponents
    from mcp_service.principal.wiring import OwnKeyComponents
    from mcp_service.runtime import Runtime
    from mcp_service.servers.loading import SdkServer
    from mcp_service.servers.protected_server import ProtectedServer
    from mcp_service.settings import McpSettings
    from shared.redis.client import RedisClient


@dataclass(frozen=True, slots=True)
class ConfiguredServer:
    """The name and the scopes of the protected server, which the guard needs before both are built."""

    name: str
    """The name that users see, unless MCP_RESOURCE_NAME is set."""
    scopes: ScopeMap
    build: Callable[[GuardComponents], ProtectedServer]
    redis: RedisClient | None = None
    """The connection of the notes example, if it uses one."""
    own_keys: OwnKeyComponents | None = None
    """The guard's own keys, if it signs assertions for the server."""


@dataclass(frozen=True, slots=True)
class ServerComponents:
    """The handler of the MCP endpoint, its open streams, and the server."""

    endpoint: McpEndpoint
    streams: OpenStreams
    server: ProtectedServer


def configure_server(runtime: Runtime) -> ConfiguredServer:
    """Load the configured server, or the notes example. Raises Misconfigured."""
    scopes = declared_scopes(runtime.settings)
    if runtime.settings.upstream is not None:
        return _http_upstream(runtime, runtime.settings.upstream, scopes)
    if runtime.settings.server is not None:
        return _in_process(runtime, load_server(runtime.settings.server), scopes)
    if runtime.settings.upstream_command is not None:
        # Imported here: a server in this process needs none of it.
        from mcp_service.servers.stdio_upstream.wiring import configure_stdio_server

        build = configure_stdio_server(
            runtime, runtime.settings.upstream_command, lists=lambda guard: list_policy(runtime, guard)
        )
        return ConfiguredServer("MCP server", scopes, build)
    server, redis = _notes(runtime)
    return _in_process(runtime, server, scopes, redis)


def wire_server(runtime: Runtime, configured: ConfiguredServer, guard: GuardComponents) -> ServerComponents:
    """Build the server and its endpoint."""
    server = configured.build(guard)
    streams = OpenStreams(verifier=guard.verifier, clock=runtime.clock)
    endpoint = McpEndpoint(guard=guard, streams=streams, server=server, clock=runtime.clock)
    return ServerComponents(endpoint, streams, server)


def list_policy(runtime: Runtime, guard: GuardComponents) -> ListPolicy:
    """The policy for the lists of the protected server."""
    rules = guard.rules
    undeclared = None if rules.declared is TOKEN_ONLY else UndeclaredTools(rules, runtime.registry, runtime.log)
    return ListPolicy(rules, filters=runtime.settings.list_filter == "granted", undeclared=undeclared)


def _in_process(
    runtime: Runtime, server: SdkServer | FastMcp, scopes: ScopeMap, redis: RedisClient | None = None
) -> ConfiguredServer:
    settings = runtime.settings

    def build(guard: GuardComponents) -> ProtectedServer:
        lists = list_policy(runtime, guard)
        stateful, json_response = settings.stateful, settings.json_response
        if isinstance(server, MCPServer | Server):
            application, direct_calls = sdk_application(
                server,
                lists=lists,
                stateful=stateful,
                json_response=json_response,
                max_body_bytes=settings.max_body_bytes,
            )
            return InProcessServer(application, rules=guard.rules, stateful=stateful, direct=direct_calls.answer)
        application = fastmcp_application(server, path=settings.path, stateful=stateful, json_response=json_response)
        relayed = lists if lists.filters else None
        return InProcessServer(application, rules=guard.rules, stateful=stateful, lists=relayed)

    return ConfiguredServer(server.name, scopes, build, redis)


def _http_upstream(runtime: Runtime, url: str, scopes: ScopeMap) -> ConfiguredServer:
    # Imported here: another server needs none of it.
    from mcp_service.principal.wiring import wire_principal
    from mcp_service.servers.http_upstream.wiring import build_http_upstream

    principal = wire_principal(runtime, scopes)

    def build(guard: GuardComponents) -> ProtectedServer:
        return build_http_upstream(
            runtime,
            url,
            lists=list_policy(runtime, guard),
            principal=principal.handover,
            make_resolver=principal.resolver,
        )

    return ConfiguredServer("MCP server", scopes, build, own_keys=principal.own_keys)


def declared_scopes(settings: McpSettings) -> ScopeMap:
    """The scope map in force. Raises Misconfigured if it contradicts the settings."""
    if settings.scopes is not None:
        declared = load_scope_map(settings.scopes)
    else:
        declared = ScopeMap.model_validate(NOTES_SCOPES) if settings.is_example else TOKEN_ONLY
    if declared.has_public and not settings.allow_anonymous:
        raise Misconfigured(
            "MCP_SCOPES calls something public, but MCP_ALLOW_ANONYMOUS is off: switch it on, or name scopes"
        )
    return declared


def _notes(runtime: Runtime) -> tuple[SdkServer, RedisClient | None]:
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
