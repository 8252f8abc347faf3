"""The table of clients: what each needs, read from data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Way:
    """A way to introduce itself, and the findings that block it."""

    id: str
    title: str
    blocked_by: frozenset[str]
    by_hand: bool


@dataclass(frozen=True, slots=True)
class Client:
    """One real client. `fails` and `limited` map findings to the client's own reason (empty: the finding's title)."""

    id: str
    name: str
    hosted: bool
    ways: tuple[Way, ...]
    fails: Mapping[str, str]
    limited: Mapping[str, str]
    says: Mapping[str, str]
    """What its user sees, by finding; `*` stands for any."""
    redirects: tuple[str, ...]
    sources: tuple[str, ...]
    document: tuple[str, str] | None = None
    """The address of its metadata document, which is its client_id, and a redirect that it uses with it."""


@dataclass(frozen=True, slots=True)
class ClientTable:
    """All clients, and as of when the table is current."""

    as_of: str
    clients: tuple[Client, ...]

    def findings(self) -> frozenset[str]:
        """Every finding that the table names, so that a test can hold it against the catalogue."""
        named: set[str] = set()
        for client in self.clients:
            named |= {*client.fails, *client.limited}
            for way in client.ways:
                named |= way.blocked_by
        return frozenset(named)


def load_clients() -> ClientTable:
    """Read the table. Raises KeyError for a group or a way that is not declared."""
    raw = tomllib.loads(files(__package__).joinpath("clients.toml").read_text(encoding="utf-8"))
    ways = {
        name: Way(name, w["title"], frozenset(w["blocked_by"]), bool(w.get("by_hand", False)))
        for name, w in raw["ways"].items()
    }
    return ClientTable(as_of=raw["as_of"], clients=tuple(_client(c, raw["groups"], ways) for c in raw["client"]))


def _client(raw: dict[str, Any], groups: dict[str, Any], ways: dict[str, Way]) -> Client:
    document = raw.get("document")
    own_fails, own_limited = raw.get("fails", {}), raw.get("limited", {})
    return Client(
        id=raw["id"],
        name=raw["name"],
        hosted="hosted" in raw["groups"],
        ways=tuple(ways[name] for name in raw["ways"]),
        fails=_of_groups("fails", raw["groups"], groups) | own_fails,
        limited=_of_groups("limited", raw["groups"], groups) | own_limited,
        says=raw.get("says", {}),
        redirects=tuple(raw["redirects"]),
        sources=tuple(raw["sources"]),
        document=(document["client_id"], document["redirect_uri"]) if document else None,
    )


def _of_groups(kind: str, names: list[str], groups: dict[str, Any]) -> dict[str, str]:
    return {finding: "" for name in names for finding in groups[name][kind]}
