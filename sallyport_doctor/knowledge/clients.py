"""The client table: what each real client needs from a server, read from `clients.toml`."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class RegistrationMethod:
    """One method of client registration, and the findings that block it."""

    id: str
    title: str
    blocked_by: frozenset[str]
    manual: bool
    """Whether the user has to enter a client_id."""


@dataclass(frozen=True, slots=True)
class Client:
    """One real client. `fails` and `limited` map a finding to the reason; an empty reason means the finding's title."""

    id: str
    name: str
    hosted: bool
    registration_methods: tuple[RegistrationMethod, ...]
    fails: Mapping[str, str]
    limited: Mapping[str, str]
    anonymous: Mapping[str, str]
    """Findings with which the client connects without a sign-in."""
    error_messages: Mapping[str, str]
    """The message that the client shows to its user, by finding; `*` is the default."""
    redirects: tuple[str, ...]
    sources: tuple[str, ...]
    document: tuple[str, str] | None = None
    """The URL of its client ID metadata document, which is its client_id, and a redirect URI in it."""


@dataclass(frozen=True, slots=True)
class ClientTable:
    """All clients, and the month (YYYY-MM) of the data."""

    as_of: str
    clients: tuple[Client, ...]

    def findings(self) -> frozenset[str]:
        """Every finding that the table refers to."""
        named: set[str] = set()
        for client in self.clients:
            named |= {*client.fails, *client.limited, *client.anonymous}
            for method in client.registration_methods:
                named |= method.blocked_by
        return frozenset(named)


def load_clients() -> ClientTable:
    """Read the table. Raises KeyError for an undeclared group or registration method."""
    raw = tomllib.loads(files(__package__).joinpath("clients.toml").read_text(encoding="utf-8"))
    methods = {
        name: RegistrationMethod(name, m["title"], frozenset(m["blocked_by"]), bool(m.get("manual", False)))
        for name, m in raw["registration_methods"].items()
    }
    return ClientTable(as_of=raw["as_of"], clients=tuple(_client(c, raw["groups"], methods) for c in raw["client"]))


def _client(raw: dict[str, Any], groups: dict[str, Any], methods: dict[str, RegistrationMethod]) -> Client:
    document = raw.get("document")
    return Client(
        id=raw["id"],
        name=raw["name"],
        hosted="hosted" in raw["groups"],
        registration_methods=tuple(methods[name] for name in raw["registration_methods"]),
        fails=_of_groups("fails", raw["groups"], groups) | raw.get("fails", {}),
        limited=_of_groups("limited", raw["groups"], groups) | raw.get("limited", {}),
        anonymous=_of_groups("anonymous", raw["groups"], groups),
        error_messages=raw.get("error_messages", {}),
        redirects=tuple(raw["redirects"]),
        sources=tuple(raw["sources"]),
        document=(document["client_id"], document["redirect_uri"]) if document else None,
    )


def _of_groups(kind: str, names: list[str], groups: dict[str, Any]) -> dict[str, str]:
    return {finding: "" for name in names for finding in groups[name].get(kind, ())}
