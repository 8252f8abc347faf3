"""Evaluates every rule on the evidence. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Final

from sallyport_doctor.knowledge.catalogue import Entry, Severity
from sallyport_doctor.rules import (
    address,
    authorization,
    capabilities,
    challenge,
    cors,
    key_set,
    login,
    mcp_calls,
    mcp_endpoint,
    network,
    oauth_endpoints,
    registration,
    resource_metadata,
    server_metadata,
    step_up,
    token,
    token_lifecycle,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sallyport_doctor.evidence import Evidence

    Rule = Callable[[Evidence], str | None]

_AREAS: Final = (
    network,
    address,
    mcp_endpoint,
    challenge,
    resource_metadata,
    server_metadata,
    capabilities,
    key_set,
    oauth_endpoints,
    cors,
    registration,
    authorization,
    login,
    token,
    mcp_calls,
    step_up,
    token_lifecycle,
)
_ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
_MAX_CHARACTERS: Final = 900


@dataclass(frozen=True, slots=True)
class Finding:
    """A catalogue entry that applies to the server, and what was observed there."""

    entry: Entry
    observed: str

    @property
    def id(self) -> str:
        """The stable identifier."""
        return self.entry.id

    @property
    def severity(self) -> Severity:
        """The severity of the catalogue entry."""
        return self.entry.severity


def all_rules() -> dict[str, Rule]:
    """Every rule by the id of its finding. Each public function of a rules module is a rule."""
    return {name: rule for module in _AREAS for name, rule in _rules_of(module)}


def evaluate_rules(evidence: Evidence, catalogue: Mapping[str, Entry]) -> tuple[Finding, ...]:
    """Run every rule. Findings that decide the report come first, then by severity, then as examined.

    Beside a conclusive finding only those about the network are kept.
    """
    found = [
        Finding(entry=catalogue[name], observed=printable(observed))
        for name, rule in all_rules().items()
        if (observed := rule(evidence)) is not None
    ]
    if any(f.entry.conclusive for f in found):
        found = [f for f in found if f.entry.conclusive or f.entry.area == "network"]
    return tuple(sorted(found, key=lambda f: (not f.entry.headline, _ORDER.index(f.severity))))


def printable(text: str) -> str:
    """Untrusted text that is safe for a terminal: non-printable characters become `?`; cut after 900 characters."""
    shown = "".join(c if c.isprintable() else "?" for c in text[:_MAX_CHARACTERS])
    return shown + ("…" if len(text) > _MAX_CHARACTERS else "")


def _rules_of(module: ModuleType) -> list[tuple[str, Rule]]:
    return [
        (name.replace("_", "-"), value)
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
