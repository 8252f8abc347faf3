"""Verified tokens without a verifier, and the guard's own keys, for tests of what a server learns about the caller."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mcp_service.principal.assertion import PrincipalAssertions
from mcp_service.principal.key_pairs import configured
from mcp_service.principal.own_keys import ConfiguredKeys
from shared.access_tokens.profile import VerifiedClaims
from shared.access_tokens.verifier import VerifiedToken
from shared.jose.keys import import_verification_key
from shared.scopes import ScopeHierarchy
from tests.support.local_issuer import new_key

if TYPE_CHECKING:
    from joserfc.jwk import Key

HIERARCHY = ScopeHierarchy({"notes:write": ("notes:read",), "notes:read": ()})

_KEY = import_verification_key(new_key("issuer", "ES256").as_dict(private=False), kid="issuer")


def verified_token(
    user: Mapping[str, Any] | None = None,
    *,
    subject: str = "user-1",
    issuer: str = "https://auth.example",
    client_id: str = "client-1",
    scopes: tuple[str, ...] = ("notes:write",),
    **also: Any,
) -> VerifiedToken:
    """A token as the verifier makes it; `user` and `also` are the claims about the user."""
    claims = VerifiedClaims(
        issuer=issuer,
        subject=subject,
        audience=("https://tools.example/mcp",),
        client_id=client_id,
        scopes=scopes,
        issued_at=1,
        expires_at=1 << 40,
        token_id="token-1",
        grant_id=None,
        status=None,
        user={**(user or {}), **also},
    )
    return VerifiedToken(claims, _KEY)


def own_keys(*keys: Key) -> ConfiguredKeys:
    """Keys of a guard; the first signs."""
    return ConfiguredKeys(configured(json.dumps({"keys": [key.as_dict(private=True) for key in keys]})))


def assertions(
    keys: ConfiguredKeys,
    *,
    resource: str = "https://tools.example/mcp",
    audience: str = "https://server.internal/mcp",
    claims: tuple[str, ...] = (),
    now: float | None = None,
) -> PrincipalAssertions:
    """The assertions of a guard with these keys, at this time or at `now`."""
    return PrincipalAssertions(
        signer=keys,
        resource=resource,
        audience=audience,
        scopes=HIERARCHY,
        claims=claims,
        clock=time.time if now is None else lambda: now,
    )
