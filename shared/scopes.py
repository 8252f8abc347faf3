"""The scope grammar of RFC 6749 section 3.3, the description of a scope, and the hierarchy between scopes.

Pure: strings in, tuples and sets out. Tuples keep the order for display, sets decide rules.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")


def is_scope_token(value: str) -> bool:
    """Whether the text is one scope-token."""
    return _SCOPE_TOKEN.fullmatch(value) is not None


def parse_scope(value: str) -> tuple[str, ...]:
    """Split a scope string at spaces, keep the order, drop repetitions. Raises ValueError for an invalid character."""
    tokens = [t for t in value.split(" ") if t]
    for token in tokens:
        if not is_scope_token(token):
            raise ValueError("a scope has a character that RFC 6749 section 3.3 does not allow")
    return tuple(dict.fromkeys(tokens))


def format_scope(scopes: Iterable[str]) -> str:
    """The wire format: names joined by one space, in the given order, without repetitions."""
    return " ".join(dict.fromkeys(scopes))


class ScopeDescription(BaseModel):
    """One scope as the consent page treats it: in words, with the scopes that it implies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    description: str = Field(min_length=1, max_length=200)
    implies: tuple[str, ...] = ()
    required: bool = False
    """Whether a user who allows a request that has it cannot leave it out."""


class ScopeHierarchy:
    """Which scope covers which: a broader scope MUST be accepted for a narrower one (MCP authorization 2026-07-28)."""

    def __init__(self, implies: Mapping[str, Iterable[str]]) -> None:
        """`implies` maps a scope to those that it directly covers; cycles are harmless."""
        self._closure: dict[str, frozenset[str]] = {}
        for scope in implies:
            reached: set[str] = set()
            pending = [scope]
            while pending:
                current = pending.pop()
                if current not in reached:
                    reached.add(current)
                    pending.extend(implies.get(current, ()))
            self._closure[scope] = frozenset(reached)

    def effective(self, granted: Iterable[str]) -> frozenset[str]:
        """All scopes that the granted ones cover, including themselves."""
        result: set[str] = set()
        for scope in granted:
            result |= self._closure.get(scope, frozenset((scope,)))
        return frozenset(result)

    def covers(self, granted: Iterable[str], required: Iterable[str]) -> bool:
        """Whether the granted scopes cover every required one."""
        return frozenset(required) <= self.effective(granted)
