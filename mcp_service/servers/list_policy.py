"""Changes to a list of the protected server on its way to the client, for every kind of server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, Gauge

from mcp_service.guard.list_filter import LIST_METHODS, filter_list, listed_tools

if TYPE_CHECKING:
    from collections.abc import Iterable

    import structlog

    from mcp_service.guard.operation import ScopeRules

MAX_NAMES: Final = 1000
"""The most undeclared tools that are counted: a server that invents names fills neither memory nor log."""
MAX_LOGGED: Final = 50


@dataclass(frozen=True, slots=True)
class ListPolicy:
    """Reports undeclared tools, and leaves out what the caller may not use if lists are filtered."""

    rules: ScopeRules
    filters: bool
    """Whether MCP_LIST_FILTER is `granted`."""
    undeclared: UndeclaredTools | None
    """None for a server without a map: everything needs its one scope."""

    def apply(self, method: str | None, result: dict[str, Any], granted: tuple[str, ...] | None) -> dict[str, Any]:
        """The result for this caller; `granted` is None for an anonymous one. Raises UnreadableList.

        `method` is None if the request is not known: every list in the result is then treated as that of its method.
        """
        if method is None:
            for each in sorted(LIST_METHODS):
                result = self.apply(each, result, granted)
            return result
        if self.undeclared is not None:
            self.undeclared.see(listed_tools(method, result))
        return filter_list(method, result, self.rules, granted) if self.filters else result


class UndeclaredTools:
    """Remembers tools that the server lists and the map does not name: they need the default scopes.

    A server can get tools that its operator has never seen. A gauge counts them, and one log line names each.
    """

    def __init__(
        self, rules: ScopeRules, registry: CollectorRegistry, log: structlog.typing.FilteringBoundLogger
    ) -> None:
        self._rules = rules
        self._log = log
        self._names: set[str] = set()
        self._gauge = Gauge(
            "sallyport_undeclared_tools",
            "Tools that the server has listed since the start and that the scope map does not name.",
            registry=registry,
        )

    def see(self, names: Iterable[str]) -> None:
        """Report those of the listed names that are new and not declared."""
        for name in names:
            if name in self._names or len(self._names) >= MAX_NAMES or self._rules.declares_tool(name):
                continue
            self._names.add(name)
            self._gauge.set(len(self._names))
            if len(self._names) <= MAX_LOGGED:
                needs = "nothing" if self._rules.is_public_tool(name) else " ".join(self._rules.tool(name)) or "a token"
                self._log.warning("tool_not_in_scope_map", tool=name[:100], needs=needs)


def with_security_schemes(result: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    """The result of `tools/list` with `securitySchemes`: some clients know from them whether a call needs a sign-in."""
    return {**result, "tools": [_described(tool, rules) for tool in result.get("tools", ())]}


def _described(tool: dict[str, Any], rules: ScopeRules) -> dict[str, Any]:
    schemes = _security_schemes(rules, str(tool.get("name")))
    return {**tool, "securitySchemes": schemes, "_meta": {**tool.get("_meta", {}), "securitySchemes": schemes}}


def _security_schemes(rules: ScopeRules, tool: str) -> list[dict[str, Any]]:
    """The security schemes of one tool."""
    if rules.is_public_tool(tool):
        return [{"type": "noauth"}]
    return [{"type": "oauth2", "scopes": list(rules.tool(tool))}]
