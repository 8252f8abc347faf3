"""What happens to a list of the protected server on its way to the client, for every kind of server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mcp_service.guard.list_filter import LIST_METHODS, filter_list, listed_tools

if TYPE_CHECKING:
    from mcp_service.guard.operation import ScopeRules
    from mcp_service.guard.undeclared_tools import UndeclaredTools


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
