"""Figures of honest clients and owners, and their line of the table."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

HEAD = """\
| kind | attack/s | accepted/refused/5xx/no answer | calls failed | refreshes failed | refresh p99 before, during (ms) \
| known owners in, p99 (ms) | new owners in, p99 (ms) | auth (MB) | mcp (MB) | store (KiB) |
|---|---|---|---|---|---|---|---|---|---|---|"""


def p99(seconds: Sequence[float]) -> float:
    """The 99th percentile by nearest rank, in milliseconds; NaN without a value."""
    return sorted(seconds)[math.ceil(0.99 * len(seconds)) - 1] * 1000 if seconds else math.nan


@dataclass
class Tries:
    """Attempts at one thing: seconds of those that succeeded, errors of the others."""

    seconds: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def total(self) -> int:
        return len(self.seconds) + len(self.failed)


@dataclass
class Honest:
    """Figures of honest traffic in one phase."""

    calls: Tries = field(default_factory=Tries)
    refreshes: Tries = field(default_factory=Tries)
    known: Tries = field(default_factory=Tries)
    """Sign-ins of owners in a browser that has signed in to the account before."""
    new: Tries = field(default_factory=Tries)
    """Sign-ins of owners in a browser and on a network that are new."""

    def failures(self) -> list[str]:
        """The first of each, in words."""
        named = {"call": self.calls, "refresh": self.refreshes, "known owner": self.known, "new owner": self.new}
        return [f"{name}: {text}" for name, tries in named.items() for text in tries.failed[:2]]


@dataclass(frozen=True)
class Attack:
    """The attacker's requests by the class of their answer, 0 when there was none."""

    seconds: float
    answers: dict[int, int]

    @property
    def per_second(self) -> float:
        return sum(self.answers.values()) / self.seconds

    def classes(self) -> str:
        """Accepted, refused, faults, and no answer."""
        accepted = self.answers.get(2, 0) + self.answers.get(3, 0)
        return "/".join(str(n) for n in (accepted, *(self.answers.get(c, 0) for c in (4, 5, 0))))


@dataclass(frozen=True)
class Growth:
    """Resident memory at the end, with the growth during the attack, and the growth of the store. Bytes."""

    auth: tuple[int, int]
    mcp: tuple[int, int]
    store: int


def row(kind: str, attack: Attack, quiet: Honest, honest: Honest, growth: Growth) -> str:
    """One line of the table, in Markdown."""
    failed = [f"{len(tries.failed)} of {tries.total}" for tries in (honest.calls, honest.refreshes)]
    signed_in = [f"{len(t.seconds)} of {t.total}, {p99(t.seconds):.0f}" for t in (honest.known, honest.new)]
    memory = [f"{now >> 20} (+{grown >> 20})" for now, grown in (growth.auth, growth.mcp)]
    refresh = f"{p99(quiet.refreshes.seconds):.0f}, {p99(honest.refreshes.seconds):.0f}"
    cells = (kind, f"{attack.per_second:.0f}", attack.classes(), *failed, refresh, *signed_in, *memory)
    return f"| {' | '.join(cells)} | {growth.store / 1024:.0f} |"
