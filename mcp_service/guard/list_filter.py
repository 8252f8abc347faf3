"""Filters a list for a token: it sees the entries that it could also call.

Pure. A list hides; it protects nothing: each call is checked by itself (guard/bearer.py), whatever was listed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from mcp_service.guard.operation import Operation, ScopeRules

if TYPE_CHECKING:
    from collections.abc import Callable


class UnreadableList(Exception):
    """A result that is not a list of its method, so that nothing can be taken out of it. The text is for the log."""


@dataclass(frozen=True, slots=True)
class _List:
    member: str
    key: str
    operation: Callable[[str], Operation]
    """The operation on the entry with this name, which decides whether the entry is shown."""


_LISTS: Final = {
    "tools/list": _List("tools", "name", lambda name: Operation("tools/call", tools=(name,))),
    "prompts/list": _List("prompts", "name", lambda name: Operation("prompts/get", prompts=(name,))),
    "resources/list": _List("resources", "uri", lambda uri: Operation("resources/read", resources=(uri,))),
    # The text of a template is looked up like a URI, as completion/complete looks it up.
    "resources/templates/list": _List(
        "resourceTemplates", "uriTemplate", lambda template: Operation("resources/read", resources=(template,))
    ),
}

LIST_METHODS: Final = frozenset(_LISTS)


def filter_list(
    method: str, result: dict[str, Any], rules: ScopeRules, granted: tuple[str, ...] | None
) -> dict[str, Any]:
    """The result with the entries that these scopes cover; `granted` is None for an anonymous caller.

    An entry without a name is left out. A result of another method, or without the list, is returned unchanged. What
    remains depends on the token, so the result is marked as private to it (`cacheScope`). Raises UnreadableList.
    """
    listed = _LISTS.get(method)
    if listed is None or listed.member not in result:
        return result
    entries = result[listed.member]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UnreadableList(f"{listed.member} is not a list of objects")
    shown = [
        entry
        for entry in entries
        if isinstance(name := entry.get(listed.key), str) and _covered(listed.operation(name), rules, granted)
    ]
    filtered = {**result, listed.member: shown}
    return {**filtered, "cacheScope": "private"} if "cacheScope" in result else filtered


def listed_tools(method: str, result: dict[str, Any]) -> tuple[str, ...]:
    """The names of the tools in a result of `tools/list`; nothing for another method or a malformed result."""
    tools = result.get("tools") if method == "tools/list" else None
    names = (tool.get("name") for tool in tools if isinstance(tool, dict)) if isinstance(tools, list) else ()
    return tuple(name for name in names if isinstance(name, str))


def _covered(operation: Operation, rules: ScopeRules, granted: tuple[str, ...] | None) -> bool:
    if rules.is_public(operation):
        return True
    return granted is not None and rules.covers(granted, rules.required(operation))
