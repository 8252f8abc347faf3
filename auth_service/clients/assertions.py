"""Verifies the assertion of a client: its signature, its claims, and that it was never used before (RFC 7523)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from auth_service.clients.client_assertion import UnverifiedAssertion, check_claims
from auth_service.protocol.errors import InvalidClient

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from auth_service.clients.assertion_replay import JtiReplayStore
    from auth_service.clients.client import Client
    from auth_service.clients.client_jwks import ClientJwks

_KEY_MEMBERS = frozenset({"kty", "crv", "n", "e", "x", "y"})


class AssertionVerifier:
    """For assertions addressed to this server."""

    def __init__(self, *, issuer: str, keys: ClientJwks, used: JtiReplayStore) -> None:
        self._audiences = frozenset({issuer, f"{issuer}/token"})
        self._keys = keys
        self._used = used

    async def verify(self, client: Client, assertion: UnverifiedAssertion, *, now: float) -> None:
        """Raises InvalidClient; ClientJwksUnavailable or RedisUnavailable when nobody can know.

        Nothing is consumed before everything is verified (invariant 3): else a stranger could burn a client's jti.
        """
        use = check_claims(assertion.claims, audiences=self._audiences, now=now)
        keys = await self._keys.candidates(client, algorithm=assertion.algorithm, kid=assertion.kid)
        if not any(_verifies(key, assertion) for key in keys):
            raise InvalidClient("the signature is by none of the client's keys", error_id="assertion_signature")
        if not await self._used.consume(client.client_id, use):
            raise InvalidClient("the assertion was used before", error_id="assertion_single_use")


def _verifies(unverified_key: Mapping[str, Any], assertion: UnverifiedAssertion) -> bool:
    # Only what makes the key: what it may be used for was looked at when it was chosen.
    members = {name: value for name, value in unverified_key.items() if name in _KEY_MEMBERS}
    try:
        key = import_key(members)
        return JWSRegistry.algorithms[assertion.algorithm].verify(assertion.signing_input, assertion.signature, key)
    except (JoseError, ValueError, TypeError, KeyError):
        # A key that is no key signs nothing.
        return False
