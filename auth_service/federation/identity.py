"""The identity that a provider asserted, after every check of its protocol, and its form in the store. Pure."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from auth_service.protocol.opaque import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_SUBJECT_CHARACTERS: Final = 255
"""The maximum length of `sub` (OpenID Connect Core section 2)."""
MAX_GROUPS: Final = 500
MAX_IDENTITY_BYTES: Final = 16 * 1024
"""The maximum bytes of the JSON that is stored for one identity; a longer one is refused."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What a provider states about a user. Times in seconds since 1970.

    Invariant 13: `provider`, `issuer` and `subject` identify; nothing else does, an e-mail address least of all.
    """

    provider: str
    """The `id` of the provider in the configuration."""
    issuer: str
    """The issuer of the identity; for a provider without issuers, its origin."""
    subject: str
    """The id of the user at the issuer, never reused; tenant and subject for an issuer with several tenants."""
    authenticated_at: int
    """When the user signed in at the provider, if it says so; else when its answer was verified."""
    email: str | None = None
    email_verified: bool = False
    """Whether the provider states it and is known to verify addresses."""
    name: str | None = None
    login: str | None = None
    """The name that the provider shows for the account. It can change hands."""
    domain: str | None = None
    """The verified domain of the organisation that manages the account (Google `hd`)."""
    groups: tuple[str, ...] = ()
    groups_complete: bool = True
    """False if the provider left groups out: then a rule on groups refuses."""
    organizations: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    """The teams, each as `organization/team`."""
    claims: Mapping[str, Any] = field(default_factory=dict)
    """Further claims that a rule or a resource names; JSON values."""

    @property
    def key(self) -> str:
        """Identifies the identity in the store: equal for two sign-ins of one account, and for nothing else."""
        return digest(json.dumps([self.provider, self.issuer, self.subject]))


_LISTS: Final = frozenset(["groups", "organizations", "teams"])
_FIELDS: Final = frozenset(member.name for member in fields(Identity))


class IdentityTooLarge(ValueError):
    """The provider stated more than is stored for one identity."""


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """An identity that belongs to an account, as the provider last stated it. Times in seconds since 1970."""

    identity: Identity
    """The identity as the provider stated it at the last sign-in."""
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
