"""Client assertions: proof of possession of the client's private key (RFC 7523 section 3, `private_key_jwt`).

Pure: format, header, claims, and which of the client's keys may have signed. Signature and replay are checked in
`authenticator.py`. The checks here come before keys are fetched, so that a malformed assertion costs no fetch.
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.protocol.errors import InvalidClient
from shared.jose.algorithms import SUPPORTED_ALGORITHMS, signature_algorithm
from shared.jose.jws import EXTENSIONS, KEY_SOURCES, InvalidToken, parse_compact_jws
from shared.jose.keys import InvalidKey, VerificationKey, import_verification_key

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_LIFETIME_SECONDS: Final = 3600
LEEWAY_SECONDS: Final = 30
_TYPES: Final = frozenset({"jwt", "client-authentication+jwt", "application/client-authentication+jwt"})


@dataclass(frozen=True, slots=True, repr=False)
class UnverifiedAssertion:
    """A parsed assertion. Header and subject are checked, the signature is not."""

    algorithm: str
    kid: str | None
    client_id: str
    claims: Mapping[str, Any]
    signing_input: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class SingleUse:
    """The identifier that the assertion consumes; stored until the assertion can no longer be accepted."""

    token_id: str
    until: int
    """Seconds since 1970."""


def read_assertion(text: str, *, client_id: str | None) -> UnverifiedAssertion:
    """Parse an assertion and check its header and subject. Raises InvalidClient."""
    try:
        jws = parse_compact_jws(text)
        header, claims = jws.header(), jws.payload()
    except InvalidToken as exc:
        raise _invalid(f"no compact JWS of JSON objects: {exc.error_id}: {exc.reason}", "form") from exc
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in SUPPORTED_ALGORITHMS:
        raise _invalid(f"alg {algorithm!r:.40}", "alg")
    typ = header.get("typ", "JWT")
    if not isinstance(typ, str) or typ.lower() not in _TYPES:
        raise _invalid(f"typ {typ!r:.40}", "typ")
    if not (EXTENSIONS | KEY_SOURCES).isdisjoint(header):
        raise _invalid("the header brings its own key or extensions", "header")
    kid = header.get("kid")
    if kid is not None and not (isinstance(kid, str) and 0 < len(kid) <= 200):
        raise _invalid("kid is not a short string", "kid")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not subject or claims.get("iss") != subject:
        raise _invalid("iss and sub are not one client", "subject")
    if client_id is not None and subject != client_id:
        raise _invalid("the assertion is by another client than client_id names", "subject")
    return UnverifiedAssertion(algorithm, kid, subject, claims, jws.signing_input, jws.signature)


def check_assertion_claims(claims: Mapping[str, Any], *, audiences: frozenset[str], now: float) -> SingleUse:
    """Check audience, times and jti. Raises InvalidClient.

    `audiences` are the issuer, the token endpoint (deployed clients use either, divergences.md D4) and the addresses of
    this deployment at which requests are forwarded to it (docs/forwarding.md). An
    assertion that names another server as well could be replayed by that server, and is refused.
    """
    aud = claims.get("aud")
    named = aud if isinstance(aud, list) else [aud]
    if not named or not all(isinstance(a, str) and a in audiences for a in named):
        raise _invalid("aud is not this server alone", "aud")
    expires_at = _time(claims, "exp")
    if now >= expires_at + LEEWAY_SECONDS:
        raise _invalid("expired", "exp")
    if expires_at > now + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS:
        raise _invalid("valid for longer than an hour", "exp")
    if "iat" in claims:
        issued_at = _time(claims, "iat")
        if not now - MAX_LIFETIME_SECONDS - LEEWAY_SECONDS <= issued_at <= now + LEEWAY_SECONDS:
            raise _invalid("issued in the future or long ago", "iat")
    if "nbf" in claims and _time(claims, "nbf") > now + LEEWAY_SECONDS:
        raise _invalid("not valid yet", "nbf")
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not 0 < len(token_id) <= 256:
        raise _invalid("jti is missing or not a short string", "jti")
    # The record must outlive acceptance: the same leeway, and one second for rounding.
    return SingleUse(token_id, math.ceil(expires_at) + LEEWAY_SECONDS + 1)


def candidate_keys(
    unverified_keys: Sequence[Mapping[str, Any]], *, algorithm: str, kid: str | None
) -> list[VerificationKey]:
    """The keys that may have signed: the one that `kid` names, or without it all of the right kind.

    A key that cannot be imported is passed over: it verifies nothing.
    """
    found = []
    for jwk in unverified_keys:
        if signature_algorithm(jwk) == algorithm and (kid is None or jwk.get("kid") == kid):
            with suppress(InvalidKey):
                found.append(import_verification_key(jwk))
    return found


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # A bool is an int to Python, and NaN passes every comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1 << 53:
        raise _invalid(f"{name} is missing or not a finite number", name)
    return value


def _invalid(reason: str, rule: str) -> InvalidClient:
    return InvalidClient(f"assertion: {reason}", error_id=f"assertion_{rule}")
