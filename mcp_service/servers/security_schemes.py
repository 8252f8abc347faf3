"""What the list of tools says of the scopes that each needs (interop.md R7).

The SDK's own models know no `securitySchemes` and would drop the member, so it is added to the finished result,
at the top level of a tool and mirrored in its `_meta`, where clients look for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.server.context import CallNext, HandlerResult, ServerMiddleware, ServerRequestContext

    from mcp_service.guard.scope_policy import ScopeRules


def security_schemes(rules: ScopeRules, tool: str) -> list[dict[str, Any]]:
    """How one tool may be called."""
    if rules.is_public_tool(tool):
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": list(rules.tool(tool))}]


def announce_scopes(rules: ScopeRules) -> ServerMiddleware[Any]:
    """A middleware of the SDK that completes the answer to `tools/list`."""

    async def complete(ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        result = await call_next(ctx)
        if ctx.method == "tools/list" and isinstance(result, dict):
            return {**result, "tools": [_described(tool, rules) for tool in result.get("tools", ())]}
        return result

    return complete


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}
