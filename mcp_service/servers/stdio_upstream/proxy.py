"""A server of the mcp SDK that answers for a process. The SDK serves both wires; requests are passed on as they are.

A middleware takes requests before the SDK validates them, so unknown fields of either side survive.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CLIENT_CAPABILITIES_META_KEY,
    CLIENT_INFO_META_KEY,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    LOG_LEVEL_META_KEY,
    METHOD_NOT_FOUND,
    PROTOCOL_VERSION_META_KEY,
    SERVER_INFO_META_KEY,
    SubscriptionsListenRequestParams,
    SubscriptionsListenResult,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from mcp_service.guard.errors import BadGateway, GatewayTimeout, McpError, ServerBusy
from mcp_service.guard.list_filter import LIST_METHODS, UnreadableList
from mcp_service.servers.list_policy import ListPolicy, with_security_schemes
from mcp_service.servers.server_lifespan import ApplicationAndLifespan, SupervisedApplication
from mcp_service.servers.stdio_upstream.connection import ErrorAnswer, ProcessGone
from mcp_service.servers.stdio_upstream.messages import MALFORMED
from mcp_service.servers.stdio_upstream.process import InputFull

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.servers.stdio_upstream.child import Child

PROXIED_REQUEST: Final = "sallyport.proxied_request"
"""The key of the ProxiedRequest in the ASGI scope of its request."""

MAX_RESOURCE_SUBSCRIPTIONS: Final = 64
"""The limit of one listener."""

OWN_META: Final = "sallyport/"
"""Keys of `_meta` with this prefix are removed from requests: no client may speak for the guard."""

_ANSWERED_BY_SDK: Final = frozenset({"ping", "subscriptions/listen"})
_NOT_PASSED_ON: Final = frozenset({"logging/setLevel", "resources/subscribe", "resources/unsubscribe"})
"""Methods by which one client would change the process for all."""
_PREFIXES_NOT_PASSED_ON: Final = ("tasks/", "notifications/")
"""Tasks belong to the process. A notification with an id would reach it as a request: a process that looks only at the
method would cancel the request of another, whose id can be guessed."""
_ENVELOPE: Final = frozenset(
    {PROTOCOL_VERSION_META_KEY, CLIENT_INFO_META_KEY, CLIENT_CAPABILITIES_META_KEY, LOG_LEVEL_META_KEY}
)
_CACHEABLE: Final = frozenset(
    {"tools/list", "resources/list", "resources/templates/list", "resources/read", "prompts/list"}
)


class ServerGone(BadGateway):
    """502: the process ended before it answered. The request is not repeated: it may have taken effect."""

    public = "The server ended before it answered. Whether the operation took effect is unknown."


class AnswerLate(GatewayTimeout):
    """504: the process did not answer in time. It is told that the request is cancelled."""

    public = "The server did not answer in time. Whether the operation took effect is unknown."


@dataclass(slots=True)
class ProxiedRequest:
    """One request and the process that it is for."""

    child: Child
    silent_seconds: float
    """How long the process may take to answer, or to report its next progress."""
    granted: tuple[str, ...] | None
    """The scopes of the token; None without one."""
    call_id: int | None = None
    """The id of its call, once there is one."""
    failure: McpError | None = None
    """Why the request was not answered; it becomes the response unless one has begun."""

    def cancel(self) -> None:
        """Cancel the call."""
        if self.call_id is not None:
            self.child.connection.cancel(self.call_id)


def proxy_application(lists: ListPolicy, *, json_response: bool, max_body_bytes: int) -> SupervisedApplication:
    """The application. Each request that needs a process needs its ProxiedRequest in the ASGI scope."""
    server: Server[Any] = Server("upstream", on_subscriptions_listen=_listen)
    server.middleware.append(_forwarding(lists))

    def make() -> ApplicationAndLifespan:
        manager = StreamableHTTPSessionManager(
            server,
            stateless=True,
            json_response=json_response,
            max_request_body_size=max_body_bytes,
            # The guard checks Origin, and Host decides nothing here (invariant 1).
            security_settings=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        return manager.handle_request, manager.run

    return SupervisedApplication(make)


def _forwarding(lists: ListPolicy) -> ServerMiddleware[Any]:
    async def forward(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """Answer requests that need no process locally, and pass on the others."""
        if ctx.request_id is None or ctx.method in _ANSWERED_BY_SDK:
            return await call_next(ctx)
        proxied = _proxied(ctx)
        if ctx.method in {"initialize", "server/discover"}:
            return _with_description(proxied.child, await call_next(ctx))
        if ctx.method in _NOT_PASSED_ON or ctx.method.startswith(_PREFIXES_NOT_PASSED_ON):
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
        result = await _ask(ctx, proxied)
        if ctx.method in LIST_METHODS:
            result = _shown(ctx.method, result, lists, proxied.granted)
        return _completed(ctx, proxied.child, result)

    return forward


def _shown(method: str, result: dict[str, Any], lists: ListPolicy, granted: tuple[str, ...] | None) -> dict[str, Any]:
    """The list with the entries that this caller may see."""
    if method == "tools/list" and not _is_list_of_tools(result.get("tools")):
        raise MCPError(code=INTERNAL_ERROR, message=MALFORMED.message)
    try:
        shown = lists.apply(method, result, granted)
    except UnreadableList as exc:
        raise MCPError(code=INTERNAL_ERROR, message=MALFORMED.message) from exc
    return with_security_schemes(shown, lists.rules) if method == "tools/list" else shown


async def _ask(ctx: ServerRequestContext[Any, Any], proxied: ProxiedRequest) -> dict[str, Any]:
    connection = proxied.child.connection
    params, reports_progress = _without_envelope(ctx.params or {})
    try:
        rpc_id, call = connection.begin(ctx.method, params, reports_progress=reports_progress)
        proxied.call_id, reason = rpc_id, "the client has disconnected"
        try:
            async with asyncio.timeout(proxied.silent_seconds) as limit:
                async for progress in call:
                    limit.reschedule(asyncio.get_running_loop().time() + proxied.silent_seconds)
                    await _report(ctx, progress)
            result = call.result()
        except TimeoutError:
            reason = "no answer in time"
            raise
        finally:
            connection.abandon(rpc_id, reason)
    except ErrorAnswer as exc:
        raise MCPError(code=exc.error.code, message=exc.error.message, data=exc.error.data) from exc
    except ProcessGone as exc:
        raise _failed(proxied, ServerGone("the process ended", error_id="upstream_gone"), ctx) from exc
    except TimeoutError as exc:
        late = AnswerLate(f"silent for {proxied.silent_seconds:g} s", error_id="upstream_silent")
        raise _failed(proxied, late, ctx) from exc
    except InputFull as exc:
        busy = ServerBusy(str(exc), error_id="upstream_busy", headers={"Retry-After": "2"})
        raise _failed(proxied, busy, ctx) from exc
    return result


def _failed(proxied: ProxiedRequest, error: McpError, ctx: ServerRequestContext[Any, Any]) -> MCPError:
    error.rpc_id = ctx.request_id
    proxied.failure = error
    return MCPError(code=error.rpc_code, message=error.public)


def _without_envelope(params: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """The params for the process, and whether the client has asked for progress notifications."""
    sent = dict(params)
    meta = sent.pop("_meta", None)
    if meta is None:
        return sent, False
    if not isinstance(meta, Mapping):
        raise MCPError(code=INVALID_PARAMS, message="_meta is no object")
    token = meta.get("progressToken")
    kept = {
        key: value
        for key, value in meta.items()
        if key not in _ENVELOPE and key != "progressToken" and not key.lower().startswith(OWN_META)
    }
    if kept:
        sent["_meta"] = kept
    return sent, isinstance(token, str | int) and not isinstance(token, bool)


async def _report(ctx: ServerRequestContext[Any, Any], params: Mapping[str, Any]) -> None:
    """Pass a progress report on under the client's own token, which the SDK has kept."""
    progress, total, message = params.get("progress"), params.get("total"), params.get("message")
    if isinstance(progress, int | float):
        await ctx.session.report_progress(
            progress,
            total if isinstance(total, int | float) else None,
            message if isinstance(message, str) else None,
        )


def _completed(ctx: ServerRequestContext[Any, Any], child: Child, result: dict[str, Any]) -> dict[str, Any]:
    """The result with the members that the newer protocol demands and the process does not know."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        return result
    if ctx.method in _CACHEABLE:
        # The process knows of no cache, and may answer for one user only.
        result = {**result, "ttlMs": 0, "cacheScope": "private"}
    meta = result.get("_meta")
    meta = {**(meta if isinstance(meta, dict) else {}), SERVER_INFO_META_KEY: dict(child.description.info)}
    return {**result, "resultType": "complete", "_meta": meta}


def _is_list_of_tools(tools: object) -> bool:
    return isinstance(tools, list) and all(isinstance(t, dict) and isinstance(t.get("_meta", {}), dict) for t in tools)


def _with_description(child: Child, result: HandlerResult) -> dict[str, Any]:
    """The SDK's answer to `initialize` or `server/discover` with the description of the process."""
    if not isinstance(result, dict):
        raise MCPError(code=INTERNAL_ERROR, message="Internal server error")
    description = child.description
    answer = {name: value for name, value in result.items() if name != "instructions"}
    if description.instructions is not None:
        answer["instructions"] = description.instructions
    if "protocolVersion" in answer:
        return answer | {
            "serverInfo": dict(description.info),
            "capabilities": description.capabilities_without_streams(),
        }
    answer["_meta"] = {**answer.get("_meta", {}), SERVER_INFO_META_KEY: dict(description.info)}
    return answer | {"capabilities": dict(description.capabilities)}


async def _listen(
    ctx: ServerRequestContext[Any, Any], params: SubscriptionsListenRequestParams
) -> SubscriptionsListenResult:
    child = _proxied(ctx).child
    uris = params.notifications.resource_subscriptions or []
    if len(uris) > MAX_RESOURCE_SUBSCRIPTIONS:
        raise MCPError(code=INVALID_PARAMS, message=f"At most {MAX_RESOURCE_SUBSCRIPTIONS} resources in one stream")
    with child.subscribed(uris):
        return await child.listen(ctx, params)


def _proxied(ctx: ServerRequestContext[Any, Any]) -> ProxiedRequest:
    proxied = None if ctx.request is None else ctx.request.scope.get(PROXIED_REQUEST)
    if not isinstance(proxied, ProxiedRequest):
        raise MCPError(code=METHOD_NOT_FOUND, message="Method not found", data=ctx.method)
    return proxied
