"""Patterns for the names of tools and prompts in a scope map: `*` stands for any characters, also none.

Pure. Every other character stands for itself, and case matters. Matching takes time in proportion to the name for each
part of the pattern: names come from callers, so nothing here may backtrack.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

T = TypeVar("T")


def is_pattern(key: str) -> bool:
    """Whether a key of the map stands for several names."""
    return "*" in key


def specificity(pattern: str) -> int:
    """The number of characters that the pattern fixes: of several matching patterns, the one with the most applies."""
    return len(pattern) - pattern.count("*")


def matches(pattern: str, name: str) -> bool:
    """Whether the pattern stands for the name."""
    first, *inner = pattern.split("*")
    if not inner:
        return pattern == name
    last = inner.pop()
    if len(name) < len(first) + len(last) or not name.startswith(first) or not name.endswith(last):
        return False
    # The leftmost place of each part leaves the most for those that follow.
    position, end = len(first), len(name) - len(last)
    for part in inner:
        found = name.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def overlap(one: str, other: str) -> bool:
    """Whether some name matches both patterns."""
    # From the ends backwards: whether one[i:] and other[j:] have a name in common, for all j at each i.
    later: list[bool] = []
    for i in range(len(one), -1, -1):
        row = [False] * (len(other) + 1)
        for j in range(len(other), -1, -1):
            ends = i == len(one), j == len(other)
            if ends == (True, True):
                row[j] = True
            elif not ends[0] and one[i] == "*":
                row[j] = later[j] or (not ends[1] and row[j + 1])
            elif not ends[1] and other[j] == "*":
                row[j] = row[j + 1] or (not ends[0] and later[j])
            else:
                row[j] = ends == (False, False) and one[i] == other[j] and later[j + 1]
        later = row
    return later[0]


def ambiguous(patterns: Mapping[str, object]) -> tuple[str, str] | None:
    """Two patterns that match a common name, fix equally many characters and have different values, if any."""
    by_specificity: dict[int, list[str]] = {}
    for pattern in patterns:
        if is_pattern(pattern):
            by_specificity.setdefault(specificity(pattern), []).append(pattern)
    for equal in by_specificity.values():
        for index, one in enumerate(equal):
            for other in equal[index + 1 :]:
                if patterns[one] != patterns[other] and overlap(one, other):
                    return one, other
    return None


class NamePatterns(Generic[T]):
    """The patterns of one member of a scope map, with their values; exact names are the caller's to look up first."""

    def __init__(self, declared: Mapping[str, T]) -> None:
        keys: Iterable[str] = sorted(filter(is_pattern, declared), key=specificity, reverse=True)
        self._patterns = [(key, declared[key]) for key in keys]

    def find(self, name: str, default: T) -> T:
        """The value of the most specific pattern that matches the name."""
        for pattern, value in self._patterns:
            if matches(pattern, name):
                return value
        return default

    def names(self, name: str) -> bool:
        """Whether a pattern other than a bare `*` matches the name."""
        return any(specificity(pattern) and matches(pattern, name) for pattern, _ in self._patterns)
