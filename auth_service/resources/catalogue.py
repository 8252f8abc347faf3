"""The protected resources of this authorization server: names, scopes with descriptions, defaults (RFC 8707).

Pure. Requested resources are compared in canonical form; the configured string is the result (invariant 1).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from auth_service.federation.access_rules import IdentityConditions
from shared.access_tokens.profile import RESERVED_CLAIMS
from shared.configured_url import check_resource
from shared.scopes import ScopeDescription, ScopeHierarchy, is_scope_token

IDENTITY_SCOPES: Final = ("openid", "profile", "email")
OFFLINE_ACCESS: Final = "offline_access"
_GENERAL_DESCRIPTIONS: Final = {
    "openid": "Know who you are here (an identifier)",
    "profile": "See your name",
    "email": "See your e-mail address",
    OFFLINE_ACCESS: "Stay connected while you are away",
}
_CLAIM_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}")
_OWN_CLAIMS: Final = RESERVED_CLAIMS | {"email_verified", "claims_left_out"}
"""The claims that no resource can name: those of the profile of access tokens, and those made with others."""


class ResourceScope(ScopeDescription):
    """One scope of a resource, and which identity a user needs to have it."""

    requires: IdentityConditions | None = Field(
        None, description="Conditions on the user's identity at a provider; one that is met is enough."
    )

    @field_validator("requires")
    @classmethod
    def _can_be_met(cls, value: IdentityConditions | None) -> IdentityConditions | None:
        if value == IdentityConditions():
            raise ValueError("names no condition, so that no user could have the scope")
        return value


class ProtectedResource(BaseModel):
    """One MCP server: its identifier (the audience of its tokens), its display name, its scopes, the claims it gets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    identifier: str
    name: str = Field(min_length=1, max_length=100)
    scopes: dict[str, ResourceScope]
    default_scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = Field((), max_length=20)
    """The claims of its access tokens about the user, such as `email`, `name` and `groups`, where known."""
    required_claims: tuple[str, ...] = ()
    """The members of `claims` that a user who allows a request cannot leave out."""
    metadata_url: str | None = None
    """Where this service reads the resource's metadata to compare the scopes, if the public address cannot be reached.
    An internal address may be plain http."""

    @field_validator("identifier")
    @classmethod
    def _plain_identifier(cls, value: str) -> str:
        return check_resource(value)

    @field_validator("metadata_url")
    @classmethod
    def _fetchable(cls, value: str | None) -> str | None:
        if value is not None and re.fullmatch(r"https?://[^/@\s]+(/\S*)?", value) is None:
            raise ValueError("the metadata_url is not an absolute http or https URL without user information")
        return value

    @field_validator("claims")
    @classmethod
    def _claims_to_tell(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if name in _OWN_CLAIMS or name.endswith("_complete"):
                raise ValueError(f"the claim {name!r} belongs to the access token itself")
            if _CLAIM_NAME.fullmatch(name) is None:
                raise ValueError(f"{name!r:.120} is not the name of a claim")
        return tuple(dict.fromkeys(value))

    @model_validator(mode="after")
    def _scopes_are_consistent(self) -> ProtectedResource:
        for scope, description in self.scopes.items():
            if not is_scope_token(scope):
                raise ValueError(f"{scope!r} is not a scope token")
            for implied in description.implies:
                if implied not in self.scopes:
                    raise ValueError(f"{scope} implies {implied!r}, which the resource does not have")
        for scope in self.default_scopes:
            if scope not in self.scopes:
                raise ValueError(f"the default scope {scope!r} is not one of the resource's scopes")
        for claim in self.required_claims:
            if claim not in self.claims:
                raise ValueError(f"the required claim {claim!r:.120} is not one of the resource's claims")
        return self

    def hierarchy(self) -> ScopeHierarchy:
        """The hierarchy of this resource's scopes."""
        return ScopeHierarchy({name: d.implies for name, d in self.scopes.items()})


class ResourceCatalogue:
    """All resources, found by the `resource` parameter of a client."""

    def __init__(self, resources: Sequence[ProtectedResource]) -> None:
        """The first resource is the default for clients that name none (interop.md A8)."""
        if not resources:
            raise ValueError("at least one resource is needed")
        self.all = tuple(resources)
        self.default = resources[0]
        self._by_identifier = {r.identifier: r for r in resources}
        self._by_canonical = {canonical_resource(r.identifier): r for r in resources}
        self.grantable = {r.identifier: frozenset((*r.scopes, *IDENTITY_SCOPES, OFFLINE_ACCESS)) for r in resources}
        """Every scope that a token for a resource can have today, by identifier (invariant 15)."""
        if len(self._by_canonical) != len(resources):
            raise ValueError("two resources have the same identifier")

    def find(self, requested: str) -> ProtectedResource | None:
        """The requested resource; a final slash and the case of the host are ignored (interop.md A8)."""
        return self._by_identifier.get(requested) or self._by_canonical.get(canonical_resource(requested))

    def find_one(self, requested: Iterable[str]) -> ProtectedResource | None:
        """The one resource that all these values name; None if one is unknown or they differ."""
        found = {r.identifier if (r := self.find(value)) else None for value in requested}
        only = found.pop() if len(found) == 1 else None
        return None if only is None else self.find(only)

    def scopes(self) -> tuple[str, ...]:
        """Every scope of every resource, in the order declared."""
        return tuple(dict.fromkeys(s for r in self.all for s in r.scopes))


def canonical_resource(value: str) -> str:
    """The resource in a form for comparison only: scheme and host lower-case, no default port or final slash.

    A value that is not a plain URL is returned unchanged and equals no resource.
    """
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return value
    host = (parts.hostname or "").lower()
    if not host or parts.username is not None or parts.fragment:
        return value
    if ":" in host:
        host = f"[{host}]"
    if port is not None and (parts.scheme.lower(), port) not in {("https", 443), ("http", 80)}:
        host = f"{host}:{port}"
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}{query}"


def grantable_scopes(
    requested: Iterable[str], resource: ProtectedResource, *, max_scope: Iterable[str] | None = None
) -> tuple[str, ...]:
    """The requested scopes that this resource can grant; the defaults if none is requested or known.

    Unknown scopes are dropped, not refused (interop.md A9): several clients request every scope they ever saw.
    `max_scope` is the operator's limit for the client, and applies to the defaults too.
    """
    allowed = None if max_scope is None else resource.hierarchy().effective(max_scope)
    known = tuple(
        s
        for s in requested
        if (s in resource.scopes or s in IDENTITY_SCOPES or s == OFFLINE_ACCESS) and (allowed is None or s in allowed)
    )
    if not any(s in resource.scopes for s in known):
        known = tuple(dict.fromkeys((*resource.default_scopes, *known)))
    return tuple(s for s in known if allowed is None or s in allowed)


def describe_scopes(scopes: Iterable[str], resource: ProtectedResource) -> tuple[tuple[str, str], ...]:
    """Pairs of scope and description for the consent page, in the order given."""
    return tuple(
        (
            scope,
            resource.scopes[scope].description if scope in resource.scopes else _GENERAL_DESCRIPTIONS.get(scope, scope),
        )
        for scope in scopes
    )
