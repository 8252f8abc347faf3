"""The scopes that each tool needs, announced in `tools/list` (interop.md R7).

The SDK's models have no `securitySchemes` and would drop the member, so it is added to the finished result: at the
top level of a tool and in its `_meta`. Clients read one or the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.scope_policy import ScopeRules


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


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}
