"""The grant record: one user's authorization of one client for one resource, with its family of refresh tokens."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from auth_service.protocol.opaque import short_digest
from auth_service.protocol.pkce import verifier_matches

if TYPE_CHECKING:
    from auth_service.settings import AuthSettings


class GrantStatus(StrEnum):
    """`code`: approved, the code not redeemed yet. `live`: tokens were issued. `ended`: none of its tokens is valid."""

    CODE = "code"
    LIVE = "live"
    ENDED = "ended"


class GrantKind(StrEnum):
    """How the grant came about. `user`: a user approved a request of the client."""

    USER = "user"


@dataclass(frozen=True, slots=True)
class GrantLifetimes:
    """Durations in seconds."""

    unused: int
    """A grant with a refresh token ends if none is used for this long."""
    absolute: int
    """A grant ends this long after its code was redeemed, used or not."""
    reuse_interval: int
    """A replaced refresh token yields its successor for this long (SECURITY.md, invariant 6)."""
    access_token: int
    """The last access token expires at most this long after its grant; a grant without a refresh token ends with it."""

    @classmethod
    def from_settings(cls, settings: AuthSettings) -> GrantLifetimes:
        """The lifetimes that the operator chose."""
        return cls(
            unused=settings.refresh_token_ttl,
            absolute=settings.refresh_token_absolute_ttl,
            reuse_interval=settings.refresh_token_reuse_interval,
            access_token=settings.access_token_ttl,
        )


@dataclass(frozen=True, slots=True)
class NewGrant:
    """The approval of a user. Times in seconds since 1970."""

    subject: str
    username: str
    client_id: str
    client_name: str
    resource: str
    scopes: tuple[str, ...]
    redirect_uri: str
    code_hash: str
    code_challenge: str
    authenticated_at: int
    nonce: str | None
    identity: str = ""
    """The key of the identity by which the user signed in; empty after a password."""
    claims: tuple[str, ...] = ()
    """The claims about the user that access tokens may have."""
    kind: GrantKind = GrantKind.USER


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as stored in Redis. Times in seconds since 1970."""

    grant_id: str
    status: GrantStatus
    kind: GrantKind
    subject: str
    username: str
    client_id: str
    client_name: str
    resource: str
    scopes: tuple[str, ...]
    redirect_host: str
    """The host of the redirect URI, as pages show it."""
    on_device: bool
    """The redirect URI leads to a program or an app on the user's device."""
    redirect_digest: str
    challenge: str
    code_hash: str
    nonce: str | None
    """The nonce for the ID token; None once the code is redeemed."""
    authenticated_at: int
    entry: int
    """The index of the grant in its status list; another one after the grant was narrowed."""
    created_at: float
    expires_at: float
    """When the code expires; once it is redeemed, when the grant does unless it is used again."""
    used_at: float
    """The last contact with this server: a redemption, a refresh, introspection or UserInfo (repository.record_use)."""
    refreshed_at: float | None
    """The last use of a refresh token."""
    address: str
    """The address of the client at the redemption of the code, or at the last rotation of the refresh token."""
    generation: int
    current_hash: str
    ended_reason: str | None
    ended_at: float | None
    identity: str
    claims: tuple[str, ...]
    """As in NewGrant, like `identity`."""

    def has_redirect_uri(self, unverified: str) -> bool:
        """Whether this is the redirect URI of the authorization request. Only its digest is stored."""
        return hmac.compare_digest(short_digest(unverified), self.redirect_digest)

    def has_verifier(self, unverified: str) -> bool:
        """Whether the code challenge was derived from this code verifier."""
        return verifier_matches(unverified, self.challenge)
