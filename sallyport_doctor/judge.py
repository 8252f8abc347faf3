"""From what was seen to findings: every rule is run on the observation. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Final

from sallyport_doctor.knowledge.catalogue import Entry, Severity
from sallyport_doctor.printable import printable
from sallyport_doctor.rules import (
    address,
    authorization,
    calls,
    capabilities,
    challenge,
    cors,
    endpoint,
    endpoints,
    key_set,
    login,
    network,
    registration,
    renewal,
    resource_metadata,
    server_metadata,
    step_up,
    token,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sallyport_doctor.observation import Observation

    Rule = Callable[[Observation], str | None]

_AREAS: Final = (
    network,
    address,
    endpoint,
    challenge,
    resource_metadata,
    server_metadata,
    capabilities,
    key_set,
    endpoints,
    cors,
    registration,
    authorization,
    login,
    token,
    calls,
    step_up,
    renewal,
)
_ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: what the catalogue says about it, and what was seen here."""

    entry: Entry
    seen: str

    @property
    def id(self) -> str:
        """The stable name."""
        return self.entry.id

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return self.entry.severity


def all_rules() -> dict[str, Rule]:
    """Every rule by the id of its finding. Each public function of a file of rules is one."""
    return {name: rule for module in _AREAS for name, rule in _rules_of(module)}


def judge(seen: Observation, catalogue: Mapping[str, Entry]) -> tuple[Finding, ...]:
    """Run every rule; the gravest findings first, and within a severity in the order of the examination."""
    found = [
        Finding(entry=catalogue[name], seen=printable(told))
        for name, rule in all_rules().items()
        if (told := rule(seen)) is not None
    ]
    return tuple(sorted(found, key=lambda f: _ORDER.index(f.severity)))


def _rules_of(module: ModuleType) -> list[tuple[str, Rule]]:
    return [
        (name.replace("_", "-"), value)
        for name, value in vars(module).items()
        if isinstance(value, FunctionType) and value.__module__ == module.__name__ and not name.startswith("_")
    ]
