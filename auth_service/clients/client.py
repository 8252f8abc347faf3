"""The client record that all rules read, whatever the source of the client."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class ClientKind(StrEnum):
    """The source of the record, which decides how far it can be trusted."""

    REGISTERED = "registered"
    """Dynamic registration (RFC 7591): a client can claim any name."""
    PRE_REGISTERED = "pre_registered"
    """Added by the operator."""
    METADATA_DOCUMENT = "metadata_document"
    """A client ID metadata document: its https host is proven, except for loopback redirects."""


@dataclass(frozen=True, slots=True)
class Client:
    """One client. Times in seconds since 1970."""

    client_id: str
    kind: ClientKind
    redirect_uris: tuple[str, ...]
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    grant_types: frozenset[str] = frozenset({"authorization_code", "refresh_token"})
    authentication_methods: frozenset[str] = frozenset({"none"})
    """Every method that this client may use. A presented credential is always verified, even if it is not listed."""
    secret_hash: str | None = None
    """SHA-256 of a generated 256-bit secret, hexadecimal (invariant 4)."""
    secret_expires_at: int | None = None
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None
    scope: str | None = None
    """The most that the client may be granted, by the operator's decision; None for no limit."""
    introspects: frozenset[str] = frozenset()
    """Resources whose tokens this client (a resource server) may introspect, besides its own tokens."""
    created_at: int = 0


class ClientLookup(Protocol):
    """Finds a client by its id in any source."""

    async def find(self, client_id: str) -> Client:
        """Return the client.

        Raises UnknownClient; RedisUnavailable (or another ServiceUnavailable) when a source is unavailable.
        """


class ClientUse(ClientLookup, Protocol):
    """Finds clients, and records that they are used."""

    async def record_use(self, client: Client) -> None:
        """Extend the lifetime of a client that is about to hold, or holds, a grant (interop.md A18). Never fails."""
