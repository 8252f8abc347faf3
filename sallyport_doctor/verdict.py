"""The verdict per client, derived from findings by the client table. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.knowledge.clients import Client, ClientTable


class Outcome(StrEnum):
    """Whether a client works with the server."""

    WORKS = "works"
    LIMITED = "works with a limitation"
    ANONYMOUS = "connects without a sign-in"
    FAILS = "fails"


_WITHOUT_SIGN_IN: Final = frozenset({"network", "address", "mcp_endpoint", "cors"})
"""The areas whose findings affect a client that does not sign in."""


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding that affects a client, and its effect on this client."""

    finding: str
    why: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one client. `error_message` is what the client shows to its user when it fails."""

    client: str
    name: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    error_message: str = ""


class _Registration(Enum):
    OPEN = 1
    MANUAL_ONLY = 2
    BLOCKED = 3


def verdicts(findings: Iterable[Finding], table: ClientTable) -> tuple[Verdict, ...]:
    """The verdict for each client of the table, in its order."""
    by_id = {f.id: f for f in findings}
    return tuple(_verdict(client, by_id) for client in table.clients)


def _verdict(client: Client, found: dict[str, Finding]) -> Verdict:
    anonymous = _reasons(client.anonymous, found)
    if anonymous:
        found = {name: f for name, f in found.items() if f.entry.area in _WITHOUT_SIGN_IN}
    failing = _reasons(client.fails, found)
    registration = _registration(client, found)
    if failing or registration is _Registration.BLOCKED:
        blocking = _registration_reasons(client, found) if registration is _Registration.BLOCKED else ()
        reasons = _unique(failing + blocking)
        return Verdict(client.id, client.name, Outcome.FAILS, reasons, _error_message(client, reasons))
    if anonymous:
        return Verdict(client.id, client.name, Outcome.ANONYMOUS, anonymous)
    limiting = _reasons(client.limited, found)
    if registration is _Registration.MANUAL_ONLY:
        limiting += _registration_reasons(client, found)
    outcome = Outcome.LIMITED if limiting else Outcome.WORKS
    return Verdict(client.id, client.name, outcome, _unique(limiting))


def _reasons(needs: Mapping[str, str], found: dict[str, Finding]) -> tuple[Reason, ...]:
    return tuple(Reason(f.id, needs[f.id] or f.entry.title) for f in found.values() if f.id in needs)


def _registration(client: Client, found: dict[str, Finding]) -> _Registration:
    available = [m for m in client.registration_methods if not m.blocked_by & found.keys()]
    if not available:
        return _Registration.BLOCKED
    return _Registration.MANUAL_ONLY if all(m.manual for m in available) else _Registration.OPEN


def _registration_reasons(client: Client, found: dict[str, Finding]) -> tuple[Reason, ...]:
    blocking = [f for f in found.values() if any(f.id in m.blocked_by for m in client.registration_methods)]
    manual = any(m.manual for m in client.registration_methods)
    suffix = "; the user has to type in an id" if manual else ""
    return tuple(Reason(f.id, f.entry.title + suffix) for f in blocking)


def _error_message(client: Client, reasons: tuple[Reason, ...]) -> str:
    messages = client.error_messages
    return next((messages[r.finding] for r in reasons if r.finding in messages), messages.get("*", ""))


def _unique(reasons: tuple[Reason, ...]) -> tuple[Reason, ...]:
    return tuple({r.finding: r for r in reasons}.values())
