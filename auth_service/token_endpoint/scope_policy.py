"""The scopes that a grant may have today, by the configuration, its client and its user (invariant 15)."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from auth_service.audit.events import AuditEvent
from auth_service.federation.account_profile import account_profile
from auth_service.federation.identity_review import IdentityRefused
from auth_service.grants.repository import ScopesAllowedNow
from auth_service.protocol.errors import InvalidGrant
from auth_service.resources.user_access import KnownUser, claims_of, scopes_of
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.clients.client import Client
    from auth_service.federation.identity import Identity
    from auth_service.federation.identity_review import IdentityReview
    from auth_service.grants.repository import GrantRepository
    from auth_service.resources.catalogue import ProtectedResource, ResourceCatalogue
    from auth_service.users.service import UserService


@dataclass(frozen=True, slots=True)
class ReviewedUser:
    """The user of a grant as just read, for its resource."""

    key: str = ""
    """The key of the identity by which the grant began; empty after a password."""
    resource: str = ""
    """The identifier for which the user was reviewed."""
    identity: Identity | None = None
    claims: Mapping[str, Any] = field(default_factory=dict)
    """The claims of the access token about the user."""


NOT_REVIEWED = ReviewedUser()
"""A user with a password at a resource that is told nothing: there is nothing to read."""


class UserReview:
    """Reads what is known of the user of a grant, and ends the grant if the user's identity is not let in any more."""

    def __init__(
        self, *, identities: IdentityReview, users: UserService, grants: GrantRepository, audit: AuditLog
    ) -> None:
        self._identities = identities
        self._users = users
        self._grants = grants
        self._audit = audit

    async def read(
        self,
        *,
        grant_id: str,
        subject: str,
        key: str,
        client_id: str,
        resource: ProtectedResource | None,
        granted_claims: tuple[str, ...],
    ) -> ReviewedUser:
        """Raises IdentityRefused (the grant has ended), IdentityTooOld (it has not), InvalidGrant, ServiceUnavailable.

        Invariant 13: access that the rules of a provider take away is gone at the next refresh.
        """
        if not key and (resource is None or not resource.claims):
            return NOT_REVIEWED
        try:
            identity = await self._identities.identity(subject, key) if key else None
        except IdentityRefused as exc:
            if await self._grants.end(grant_id, reason=exc.error_id):
                self._audit.record(
                    AuditEvent.GRANT_REVOKED, user=subject, client=client_id, grant=grant_id, reason=exc.reason
                )
            raise
        claims = (
            claims_of(resource, await self._known(subject, identity), granted=granted_claims)
            if resource and resource.claims
            else {}
        )
        return ReviewedUser(key, resource.identifier if resource else "", identity, claims)

    async def _known(self, subject: str, identity: Identity | None) -> KnownUser:
        user = await self._users.find(subject)
        if user is None:
            raise InvalidGrant("the user was removed", error_id="user_active")
        stated = user if identity is None else account_profile(identity)
        return KnownUser(user.username, stated.name, stated.email, stated.email_verified, identity)


@dataclass(frozen=True, slots=True)
class ScopePolicy:
    """Limits the scopes of a grant by what the resource, its client and its user may have today."""

    resources: ResourceCatalogue
    read_at_ms: int
    """When this replica read the configuration, in milliseconds since 1970."""
    ending_users: Container[str]
    """The subjects whose access is being ended; changes while the service runs."""
    users: UserReview
    _with_password: ScopesAllowedNow = field(init=False)
    _with_limits: ScopesAllowedNow = field(init=False)
    """Every scope that is defined: limits say which of them."""
    _unconditional: Mapping[str, frozenset[str]] = field(init=False)
    """The scopes that require no identity, by resource."""

    def __post_init__(self) -> None:
        told = "".join(f"\n{r.identifier}" for r in self.resources.all if r.claims) + "\n"
        every = ScopesAllowedNow(ScopesAllowedNow.text(self.resources.grantable), read_at_ms=self.read_at_ms, told=told)
        unconditional = {
            r.identifier: frozenset(scopes_of(r, self.resources.grantable[r.identifier], None))
            for r in self.resources.all
        }
        object.__setattr__(self, "_unconditional", unconditional)
        object.__setattr__(self, "_with_limits", every)
        object.__setattr__(self, "_with_password", replace(every, configured=ScopesAllowedNow.text(unconditional)))

    def allowed_now(self, client: Client, user: ReviewedUser | None) -> ScopesAllowedNow:
        """The scopes that a grant of this client and user may have today; `user` is None before the review."""
        if user is not None and user.key:
            granted = self.resources.grantable.get(user.resource, ())
            limits = {user.resource: self.scopes(user.resource, granted, client, user)}
            return replace(self._with_limits, limits=ScopesAllowedNow.text(limits), reviewed=user.key)
        reviewed = None if user is None else ""
        if client.scope is None:
            return self._with_password if user is None else replace(self._with_password, reviewed=reviewed)
        limits = {r: self.scopes(r, every, client) for r, every in self.resources.grantable.items()}
        return replace(self._with_limits, limits=ScopesAllowedNow.text(limits), reviewed=reviewed)

    def scopes(
        self, resource: str, granted: Iterable[str], client: Client, user: ReviewedUser = NOT_REVIEWED
    ) -> tuple[str, ...]:
        """The granted scopes that the resource still has, and that client and user may have today (invariant 15)."""
        if user.identity is None and client.scope is None:
            unconditional = self._unconditional.get(resource, frozenset())
            return tuple(s for s in granted if s in unconditional)
        found = self.resources.find(resource)
        if found is None:
            return ()
        defined = self.resources.grantable[found.identifier]
        current = scopes_of(found, (s for s in granted if s in defined), user.identity)
        if client.scope is None:
            return current
        limit = found.hierarchy().effective(parse_scope(client.scope))
        return tuple(s for s in current if s in limit)
