"""Client authentication at the token, introspection and revocation endpoints (RFC 6749 section 2.3, RFC 7523).

| key | type | what | life |
|---|---|---|---|
| `sp:{assertion:<sha256 of client and jti>}` | string | that the assertion was used | until `exp` plus leeway |
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_plus

from auth_service.clients.client_assertion import UnverifiedAssertion, check_assertion_claims, read_assertion
from auth_service.clients.client_metadata import SECRET_METHODS
from auth_service.protocol.errors import InvalidClient, InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.clients.client import Client, ClientLookup
    from auth_service.clients.client_assertion import SingleUse
    from auth_service.clients.client_jwks import ClientJwks
    from auth_service.protocol.parameters import Parameters
    from shared.redis.client import RedisClient

ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
MAX_CREDENTIAL: Final = 4096
BASIC_CHALLENGE: Final = {"WWW-Authenticate": 'Basic realm="token endpoint", charset="UTF-8"'}


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedCredential:
    """The credential of a request, before verification."""

    method: str
    client_id: str
    secret: str | None = None
    assertion: UnverifiedAssertion | None = None


def read_credential(*, authorization: str | None, form: Parameters) -> UnverifiedCredential:
    """Find the one credential of a request. Raises InvalidClient, or InvalidRequest for several mechanisms at once."""
    body_id, body_secret = form.get("client_id"), form.get("client_secret")
    assertion, assertion_type = form.get("client_assertion"), form.get("client_assertion_type")
    presented = [authorization is not None, body_secret is not None, assertion is not None]
    if sum(presented) > 1:
        raise InvalidRequest("several authentication mechanisms at once", error_id="one_authentication_mechanism")
    if authorization is not None:
        return _basic(authorization, body_id)
    if assertion is not None:
        if assertion_type != ASSERTION_TYPE:
            raise InvalidClient(f"client_assertion_type {assertion_type!r:.100}", error_id="assertion_type")
        # RFC 7521 section 4.2: client_id is optional, the assertion names the client.
        unverified = read_assertion(assertion, client_id=body_id)
        return UnverifiedCredential("private_key_jwt", unverified.client_id, assertion=unverified)
    if assertion_type is not None:
        raise InvalidRequest("client_assertion_type without client_assertion", error_id="assertion_present")
    if body_id is None:
        raise InvalidClient("no client_id and no credential", error_id="client_id_present")
    if body_secret is not None:
        return UnverifiedCredential("client_secret_post", body_id, secret=body_secret)
    return UnverifiedCredential("none", body_id)


def check_method(client: Client, credential: UnverifiedCredential) -> None:
    """Check that the client may use this authentication method. Raises InvalidClient.

    A client that has a secret cannot use `none`, even if its record lists it: else the secret would protect nothing.
    """
    if credential.method == "none":
        if client.secret_hash is not None or "none" not in client.authentication_methods:
            raise InvalidClient("a client with credentials presented none", error_id="authentication_method")
    elif credential.method in SECRET_METHODS:
        # The secret proves the same in either method, and some clients register one method and use the other.
        if client.secret_hash is None or SECRET_METHODS.isdisjoint(client.authentication_methods):
            raise InvalidClient("a client without a secret presented one", error_id="authentication_method")
    elif credential.method not in client.authentication_methods:
        raise InvalidClient(f"{credential.method} is not a method of this client", error_id="authentication_method")


def check_secret(client: Client, unverified_secret: str, *, now: float) -> None:
    """Compare a secret with the stored hash in constant time. Raises InvalidClient."""
    expected = client.secret_hash
    if expected is None or not hmac.compare_digest(hash_secret(unverified_secret), expected):
        raise InvalidClient("the client secret is wrong", error_id="client_secret")
    if client.secret_expires_at and now >= client.secret_expires_at:
        raise InvalidClient("the client secret has expired", error_id="client_secret_expiry")


def hash_secret(secret: str) -> str:
    """SHA-256, hexadecimal: sufficient for secrets of 256 random bits, which cannot be guessed (invariant 4)."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _basic(authorization: str, body_id: str | None) -> UnverifiedCredential:
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("the scheme is not Basic", error_id="authorization_scheme")
    try:
        client_id, secret = _decode_basic(encoded.strip())
    except ValueError as exc:
        raise InvalidClient(f"Basic credentials cannot be read: {exc}", error_id="basic_readable") from exc
    if not client_id:
        raise InvalidClient("Basic credentials without an id", error_id="client_id_present")
    if body_id is not None and body_id != client_id:
        raise InvalidRequest("client_id differs between header and body", error_id="one_client_id")
    if not secret:
        # RFC 6749 section 2.3.1: an empty secret is the same as none.
        return UnverifiedCredential("none", client_id)
    return UnverifiedCredential("client_secret_basic", client_id, secret=secret)


def _decode_basic(encoded: str) -> tuple[str, str]:
    if len(encoded) > MAX_CREDENTIAL:
        raise ValueError("too long")
    text = base64.b64decode(encoded, validate=True).decode("utf-8")
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise ValueError("no colon")
    return unquote_plus(client_id, errors="strict"), unquote_plus(secret, errors="strict")


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

    def __init__(self, *, audiences: frozenset[str], jwks: ClientJwks, replays: JtiReplayStore) -> None:
        self._audiences = audiences
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
            # RFC 6749 section 5.2 demands it after an Authorization header, RFC 9110 section 15.5.2 with every 401.
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
