"""The catalogue of findings: severity, texts and sources by id, read from `findings/*.toml`."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.knowledge.clients import load_clients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.knowledge.clients import ClientTable

_INTEROP_ID: Final = re.compile(r"[ARF]\d+")


class Severity(StrEnum):
    """Error: a client fails. Warning: a client is limited, or a MUST is violated. Note: an improvement."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Entry:
    """The catalogue's texts for one finding."""

    id: str
    area: str
    severity: Severity
    title: str
    expected: str
    sources: tuple[str, ...]
    """Specifications, vendor documentation and public issues."""
    why: str
    fix: str
    interop: tuple[str, ...] = ()
    """Rows of docs/interop.md: `R1` is the anchor `#r1`."""
    headline: str = ""
    """The first line of the report, for a finding that decides it; `{endpoint}` is the URL of the endpoint found."""
    conclusive: bool = False
    """Whether other findings about the server mean nothing beside this one."""

    @property
    def references(self) -> tuple[str, ...]:
        """The sources, and the rows of docs/interop.md as the last one."""
        return (*self.sources, f"docs/interop.md {', '.join(self.interop)}") if self.interop else self.sources


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The catalogue of findings by id, and the client table."""

    catalogue: Mapping[str, Entry]
    clients: ClientTable


def load_knowledge() -> Knowledge:
    """Read the data files of the package. Raises what load_catalogue and load_clients raise."""
    return Knowledge(load_catalogue(), load_clients())


def load_catalogue() -> Mapping[str, Entry]:
    """Read all findings. Raises ValueError for a duplicate id, an unknown severity or a malformed interop id.

    Raises TypeError for a missing or unknown text.
    """
    entries: dict[str, Entry] = {}
    for source in sorted(files(__package__).joinpath("findings").iterdir(), key=lambda f: f.name):
        if source.name.endswith(".toml"):
            area = source.name.removesuffix(".toml")
            for name, fields in tomllib.loads(source.read_text(encoding="utf-8")).items():
                if name in entries:
                    raise ValueError(f"two findings have the id {name}")
                entries[name] = _entry(name, area, fields)
    return entries


def _entry(name: str, area: str, fields: dict[str, Any]) -> Entry:
    interop = tuple(fields.get("interop", ()))
    if not all(_INTEROP_ID.fullmatch(row) for row in interop):
        raise ValueError(f"{name} refers to {interop}, which are not rows of docs/interop.md")
    converted = {
        **fields,
        "severity": Severity(fields["severity"]),
        "sources": tuple(fields["sources"]),
        "interop": interop,
    }
    return Entry(id=name, area=area, **converted)
