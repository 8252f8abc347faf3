"""The catalogue of findings: each id with its severity, its texts and its sources."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


class Severity(StrEnum):
    """How much it matters. Notes do not change the exit status."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Entry:
    """Everything that is said about a finding wherever it occurs."""

    id: str
    area: str
    severity: Severity
    title: str
    expected: str
    sources: tuple[str, ...]
    why: str
    mend: str
    reference: str = ""
    """Rows of the project's collection of client behaviour (clients.md), for those who keep the catalogue."""


def load_catalogue() -> Mapping[str, Entry]:
    """Read every file of findings. Raises ValueError for an unknown severity, TypeError for a missing text."""
    entries: dict[str, Entry] = {}
    for source in sorted(files(__package__).joinpath("findings").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".toml"):
            area = source.name.removesuffix(".toml")
            for name, fields in tomllib.loads(source.read_text(encoding="utf-8")).items():
                if name in entries:
                    raise ValueError(f"two findings are named {name}")
                entries[name] = _entry(name, area, fields)
    return entries


def _entry(name: str, area: str, fields: dict[str, Any]) -> Entry:
    rest = {**fields, "severity": Severity(fields["severity"]), "sources": tuple(fields["sources"])}
    return Entry(id=name, area=area, **rest)
