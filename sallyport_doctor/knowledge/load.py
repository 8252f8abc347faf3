"""Everything that is known, read once and handed to whoever needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sallyport_doctor.knowledge.catalogue import load_catalogue
from sallyport_doctor.knowledge.clients import load_clients

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The catalogue of findings by id, and the table of clients."""

    catalogue: Mapping[str, Entry]
    clients: ClientTable


def load_knowledge() -> Knowledge:
    """Read the data files that come with the package."""
    return Knowledge(load_catalogue(), load_clients())
