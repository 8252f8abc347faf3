"""An identity of an account, as the provider last stated it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from auth_service.federation.identity import Identity


@dataclass(frozen=True, slots=True)
class KnownIdentity:
    """An identity that belongs to an account. Times in seconds since 1970."""

    identity: Identity
    """As of the last sign-in with it."""
    linked_at: int
    signed_in_at: int
    """When the user last signed in with it, or linked it; 0 if never: an operator prepared the account."""
