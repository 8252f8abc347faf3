"""Client authentication at the token, introspection and revocation endpoints (RFC 6749 section 2.3, RFC 7523).

| key | type | what | life |
|---|---|---|---|
| `sp:{assertion:<sha256 of client and jti>}` | string | that the assertion was used | until `exp` plus leeway |
"""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING

from auth_service.clients.client_assertion import UnverifiedAssertion, check_assertion_claims
from auth_service.clients.client_authentication import (
    BASIC_CHALLENGE,
    UnverifiedCredential,
    check_method,
    check_secret,
    read_credential,
)
from auth_service.protocol.errors import InvalidClient

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.clients.client import Client, ClientLookup
    from auth_service.clients.client_assertion import SingleUse
    from auth_service.clients.client_jwks import ClientJwks
    from auth_service.protocol.parameters import Parameters
    from shared.redis.client import RedisClient


class JtiReplayStore:
    """Consumes assertions: one atomic step with one winner among all replicas (invariant 3)."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis

    async def consume(self, client_id: str, use: SingleUse) -> bool:
        """True for the first use only. Raises RedisUnavailable."""
        name = hashlib.sha256(json.dumps([client_id, use.token_id]).encode()).hexdigest()
        return await self._redis.command("SET", f"sp:{{assertion:{name}}}", "1", "NX", "EXAT", use.until) is not None


class AssertionVerifier:
    """Verifies assertions addressed to this server: signature, claims, single use."""

    def __init__(self, *, issuer: str, jwks: ClientJwks, replays: JtiReplayStore) -> None:
        self._audiences = frozenset({issuer, f"{issuer}/token"})
        self._jwks = jwks
        self._replays = replays

    async def verify(self, client: Client, assertion: UnverifiedAssertion, *, now: float) -> None:
        """Raises InvalidClient; ClientJwksUnavailable or RedisUnavailable when that cannot be decided.

        The jti is consumed after everything else is verified (invariant 3): else an attacker could burn a client's
        jti with a forged assertion.
        """
        use = check_assertion_claims(assertion.claims, audiences=self._audiences, now=now)
        keys = await self._jwks.candidates(client, algorithm=assertion.algorithm, kid=assertion.kid)
        if not any(key.verify(assertion.signing_input, assertion.signature) for key in keys):
            raise InvalidClient("the signature is by none of the client's keys", error_id="assertion_signature")
        if not await self._replays.consume(client.client_id, use):
            raise InvalidClient("the assertion was used before", error_id="assertion_single_use")


class ClientAuthenticator:
    """Reads the one credential of a request, finds the client and verifies the credential."""

    def __init__(
        self,
        clients: ClientLookup,
        *,
        assertions: AssertionVerifier,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clients = clients
        self._assertions = assertions
        self._clock = clock

    async def authenticate(self, *, authorization: str | None, form: Parameters) -> Client:
        """Return the authenticated client. Raises InvalidClient (401), InvalidRequest or ServiceUnavailable.

        The public answers to an unknown client and to a wrong credential are the same (invariant 9).
        """
        try:
            return await self._verify(read_credential(authorization=authorization, form=form))
        except InvalidClient as exc:
            if authorization is not None:
                # RFC 6749 section 5.2: answer with the scheme that the client tried.
                exc.headers.update(BASIC_CHALLENGE)
            raise

    async def _verify(self, credential: UnverifiedCredential) -> Client:
        client = await self._clients.find(credential.client_id)
        check_method(client, credential)
        if credential.secret is not None:
            check_secret(client, credential.secret, now=self._clock())
        if credential.assertion is not None:
            await self._assertions.verify(client, credential.assertion, now=self._clock())
        return client
