"""The grant record: one user's authorization of one client for one resource, with its family of refresh tokens."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GrantStatus(StrEnum):
    """`code`: approved, the code not redeemed yet. `live`: tokens were issued. `ended`: none of its tokens is valid."""

    CODE = "code"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class GrantLifetimes:
    """Durations in seconds."""

    unused: int
    """A grant ends if no refresh token is used for this long."""
    absolute: int
    """A grant ends this long after its code was redeemed, used or not."""
    reuse_interval: int
    """A replaced refresh token yields its successor for this long (SECURITY.md, invariant 6)."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as stored in Redis. Times in seconds since 1970."""

    grant_id: str
    status: GrantStatus
    subject: str
    username: str
    client_id: str
    client_name: str
    resource: str
    scopes: tuple[str, ...]
    redirect_uri: str
    code_hash: str
    code_challenge: str
    code_expires_at: float
    authenticated_at: int
    nonce: str | None
    entry: int
    """Its index in its status list."""
    created_at: float
    last_used_at: float
    expires_at: float
    absolute_expires_at: float
    generation: int
    current_hash: str
    address: str
    ended_reason: str | None
    ended_at: float | None
