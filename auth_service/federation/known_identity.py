"""An identity of an account, as the provider last stated it, and its form in the store. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from typing import Final

from auth_service.federation.identity import MAX_IDENTITY_BYTES, Identity

_LISTS: Final = frozenset(["groups", "organizations", "teams"])
_FIELDS: Final = frozenset(field.name for field in fields(Identity))


class IdentityTooLarge(ValueError):
    """The provider stated more than is stored for one identity."""


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """An identity that belongs to an account. Times in seconds since 1970."""

    identity: Identity
    """As of the last sign-in with it."""
    linked_at: int
    signed_in_at: int
    """When the user last signed in with it, or linked it; 0 if never: an operator prepared the account."""

    def to_json(self) -> str:
        """The stored form, in ASCII. Raises IdentityTooLarge beyond MAX_IDENTITY_BYTES."""
        text = json.dumps(asdict(self), separators=(",", ":"))
        if len(text) > MAX_IDENTITY_BYTES:
            raise IdentityTooLarge(f"the identity takes {len(text)} bytes, at most {MAX_IDENTITY_BYTES} are stored")
        return text

    @classmethod
    def from_json(cls, text: str) -> KnownIdentity:
        """Read the stored form. Fields of a newer version are ignored, those that an older one lacks have defaults."""
        record = json.loads(text)
        stated = {name: value for name, value in record["identity"].items() if name in _FIELDS}
        for name in _LISTS & stated.keys():
            stated[name] = tuple(stated[name])
        return cls(Identity(**stated), record["linked_at"], record["signed_in_at"])
