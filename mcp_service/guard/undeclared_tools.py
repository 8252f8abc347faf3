"""Reports tools that the server lists and the scope map does not name: they need the default scopes.

A server can get tools that its operator has never seen. A gauge counts them, and one log line names each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Gauge

if TYPE_CHECKING:
    from collections.abc import Iterable

    import structlog

    from mcp_service.guard.operation import ScopeRules

MAX_NAMES: Final = 1000
"""Remembered and counted. A server that makes names up fills neither memory nor log."""
MAX_LOGGED: Final = 50


class UndeclaredTools:
    """Remembers the tools that the map does not name."""

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
