"""The `securitySchemes` of tools, by which some clients know before a call whether it needs a sign-in. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_service.guard.operation import ScopeRules


def security_schemes(rules: ScopeRules, tool: str) -> list[dict[str, Any]]:
    """The security schemes of one tool."""
    if rules.is_public_tool(tool):
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": list(rules.tool(tool))}]


def with_security_schemes(result: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    """The result of `tools/list` with the schemes of each tool."""
    return {**result, "tools": [_described(tool, rules) for tool in result.get("tools", ())]}


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}
