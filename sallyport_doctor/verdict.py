"""From findings to a verdict per client, by the client table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sallyport_doctor.judge import Finding
    from sallyport_doctor.knowledge.clients import Client, ClientTable


class Outcome(StrEnum):
    """How a client fares."""

    WORKS = "works"
    LIMITED = "works with a limitation"
    FAILS = "fails"


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding that matters to a client, and why it matters to this one."""

    finding: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """One client's lot: the outcome and the findings behind it. `says` is what its user sees when it fails."""

    client: str
    name: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    says: str = ""


def verdicts(findings: Iterable[Finding], table: ClientTable) -> tuple[Verdict, ...]:
    """The verdict for each client of the table, in its order."""
    by_id = {f.id: f for f in findings}
    return tuple(_verdict(client, by_id) for client in table.clients)


def _verdict(client: Client, found: dict[str, Finding]) -> Verdict:
    failing = _reasons(client.fails, found)
    blocked = _registration_blocked(client, found)
    if failing or blocked == "all":
        reasons = failing + (_registration_reasons(client, found) if blocked == "all" else ())
        reasons = _unique(reasons)
        return Verdict(client.id, client.name, Outcome.FAILS, reasons, _says(client, reasons))
    limiting = _reasons(client.limited, found)
    if blocked == "by hand":
        limiting += _registration_reasons(client, found)
    outcome = Outcome.LIMITED if limiting else Outcome.WORKS
    return Verdict(client.id, client.name, outcome, _unique(limiting))


def _reasons(needs: Mapping[str, str], found: dict[str, Finding]) -> tuple[Reason, ...]:
    return tuple(Reason(f.id, needs[f.id] or f.entry.title) for f in found.values() if f.id in needs)


def _registration_blocked(client: Client, found: dict[str, Finding]) -> str:
    """`all` ways, all but the way `by hand`, or none that matters (empty)."""
    open_ways = [w for w in client.ways if not w.blocked_by & found.keys()]
    if not open_ways:
        return "all"
    return "by hand" if all(w.by_hand for w in open_ways) else ""


def _registration_reasons(client: Client, found: dict[str, Finding]) -> tuple[Reason, ...]:
    blocking = [f for f in found.values() if any(f.id in w.blocked_by for w in client.ways)]
    hand = any(w.by_hand for w in client.ways)
    ending = "; the person has to type in an id" if hand else ""
    return tuple(Reason(f.id, f.entry.title + ending) for f in blocking)


def _says(client: Client, reasons: tuple[Reason, ...]) -> str:
    return next((client.says[r.finding] for r in reasons if r.finding in client.says), client.says.get("*", ""))


def _unique(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple({r.finding: r for r in reasons}.values())
