"""What the rest of auth_service needs of the signing keys, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Signer(Protocol):
    """Signs with the active key and recognises tokens signed with any published key."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if no active key is loaded: called before anything is consumed (invariant 8)."""

    def sign(self, claims: Mapping[str, Any], *, typ: str) -> str:
        """A compact JWS with `kid`, `alg` and `typ` in its header, signed with the active key.

        Raises ServiceUnavailable.
        """

    def verify(self, unverified_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check the signature against the published keys; return header and claims (the claims still unchecked).

        Raises shared.access_token.InvalidToken.
        """
