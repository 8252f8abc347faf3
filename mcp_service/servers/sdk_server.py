"""A server of the mcp SDK, as an application for this process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import BaseModel

from mcp_service.guard.list_filter import LIST_METHODS
from mcp_service.servers.in_process import InProcessApplication
from mcp_service.servers.session_manager import session_manager_lifespan

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.operation import ScopeRules
    from mcp_service.servers.list_policy import ListPolicy
    from mcp_service.servers.loading import SdkServer


def sdk_application(
    server: SdkServer, *, lists: ListPolicy, stateful: bool, json_response: bool, max_body_bytes: int
) -> InProcessApplication:
    """The application. `tools/list` states the scopes of each tool."""
    server.middleware.append(security_schemes_middleware(lists.rules))
    # The first is the outermost: it sees the result that the client would get.
    server.middleware.insert(0, list_middleware(lists))
    server.streamable_http_app(
        stateless_http=not stateful,
        json_response=json_response,
        max_request_body_size=max_body_bytes,
        # The guard checks Origin, and Host decides nothing here (invariant 1).
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    return InProcessApplication(manager.handle_request, lambda: session_manager_lifespan(manager))


def security_schemes(rules: ScopeRules, tool: str) -> list[dict[str, Any]]:
    """The security schemes of one tool."""
    if rules.is_public_tool(tool):
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": list(rules.tool(tool))}]


def security_schemes_middleware(rules: ScopeRules) -> ServerMiddleware[Any]:
    """A middleware of the SDK that completes the result of `tools/list`."""

    async def complete(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(result, dict):
            return {**result, "tools": [_described(tool, rules) for tool in result.get("tools", ())]}
        return result

    return complete


def list_middleware(lists: ListPolicy) -> ServerMiddleware[Any]:
    """A middleware of the SDK that applies the policy to the results of lists."""

    async def apply(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method not in LIST_METHODS:
            return result
        if isinstance(result, BaseModel):
            # From a middleware of the operator's: the SDK itself gives a dict.
            result = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        token = get_access_token()
        return lists.apply(ctx.method, dict(result or {}), None if token is None else tuple(token.scopes))

    return apply


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}
