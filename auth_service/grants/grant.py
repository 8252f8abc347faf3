"""The grant: what one person allowed one client at one resource, and the family of refresh tokens under it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class GrantStatus(StrEnum):
    """`code`: approved, the code not redeemed yet. `live`: tokens were issued. `ended`: nothing of it works."""

    CODE = "code"
    LIVE = "live"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as read from the store. Times in seconds since 1970."""

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
    created_at: float
    last_used_at: float
    expires_at: float
    absolute_expires_at: float
    generation: int
    current_hash: str
    address: str
    ended_reason: str | None
    ended_at: float | None
