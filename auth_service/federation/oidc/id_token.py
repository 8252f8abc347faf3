"""The validation of an ID token that came from the token endpoint (OpenID Connect Core section 3.1.3.7, invariant 13).

Owns: header, key, signature and claims. Does not own: which user the claims stand for (identity_mapping.py).

The signature is verified by shared/jose. Authlib's `CodeIDToken` and joserfc's registry check what they check rightly;
each function closes what they leave open, which tests pin (ADR 0009).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from authlib.oidc.core.claims import CodeIDToken
from joserfc.errors import JoseError
from joserfc.jwt import JWTClaimsRegistry

from auth_service.federation.identity import MAX_SUBJECT_CHARACTERS
from auth_service.federation.oidc.presets import TENANT_PLACEHOLDER, is_tenant
from auth_service.federation.provider import SignInRefused
from shared.jose.jws import EXTENSIONS, KEY_SOURCES, InvalidToken, UnverifiedJws, parse_compact_jws

if TYPE_CHECKING:
    from auth_service.federation.oidc.presets import ProviderProfile
    from auth_service.federation.provider_keys import ProviderKey

MAX_ID_TOKEN_BYTES: Final = 32 * 1024
"""The maximum bytes of an ID token; one with two hundred groups has some 12 kB."""
LEEWAY_SECONDS: Final = 60
"""The seconds by which the clocks of provider and replica may differ."""
MAX_AGE_SECONDS: Final = 600
"""The maximum seconds since `iat`. Issue and use are one request apart; Entra dates tokens back by five minutes."""

_TYPES: Final = frozenset({"jwt", "application/jwt"})
_NOT_FOLLOWED: Final = (EXTENSIONS | KEY_SOURCES) - {"x5c"}
"""The refused header members. `x5c` is ignored: some providers send it along with the `kid`."""

_KID: Final = re.compile(r"[\x20-\x7e]{1,200}")


@dataclass(frozen=True, slots=True, repr=False)
class ExpectedIdToken:
    """The values that request, configuration and token response demand of the token. Times in seconds since 1970."""

    profile: ProviderProfile
    client_id: str
    algorithms: tuple[str, ...]
    nonce: str
    access_token: str
    started_at: float
    max_age: int | None
    now: float


class UnverifiedIdToken(NamedTuple):
    """A token whose signature has been verified, but not yet its claims."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    key: ProviderKey


class KeyFinder(Protocol):
    """Finds the keys that may have signed; `refetch`: those in memory did not. Raises ProviderUnavailable."""

    async def __call__(self, algorithm: str, kid: str | None, *, refetch: bool) -> list[ProviderKey]: ...


async def verify_id_token(unverified: str, expected: ExpectedIdToken, *, find_keys: KeyFinder) -> dict[str, Any]:
    """The claims of a token that passed every check. Raises SignInRefused, ProviderUnavailable."""
    try:
        jws = parse_compact_jws(unverified, max_bytes=MAX_ID_TOKEN_BYTES)
        header = jws.header()
    except InvalidToken as exc:
        raise SignInRefused(f"ID token: {exc.reason}", error_id="id_token_form") from exc
    for name, check_header in HEADER_CHECKS.items():
        _refuse(name, check_header(header, expected))
    kid = header.get("kid")
    keys = await find_keys(header.get("alg", ""), kid, refetch=False)
    if len(keys) == 1 and signature_problem(jws, keys[0]) is not None:
        # The provider may have put another key in the place of this one: under its kid, or none has one.
        keys = await find_keys(header.get("alg", ""), kid, refetch=True)
    # Without kid it must be plain which key is meant (OpenID Connect Core section 10.1).
    if len(keys) != 1:
        raise SignInRefused(f"ID token: {len(keys)} keys may have signed it", error_id="id_token_key")
    _refuse("signature", signature_problem(jws, keys[0]))
    try:
        token = UnverifiedIdToken(header, jws.payload(), keys[0])
    except InvalidToken as exc:
        raise SignInRefused(f"ID token: {exc.reason}", error_id="id_token_form") from exc
    for name, check_claims in CLAIMS_CHECKS.items():
        _refuse(name, check_claims(token, expected))
    return dict(token.claims)


def signature_problem(jws: UnverifiedJws, key: ProviderKey) -> str | None:
    """A sentence about a wrong signature; None for a good one."""
    return None if key.verification.verify(jws.signing_input, jws.signature) else "the signature is not by the key"


def _refuse(name: str, problem: str | None) -> None:
    if problem is not None:
        raise SignInRefused(f"ID token: {problem}", error_id=f"id_token_{name}")


# The header -------------------------------------------------------------------------------------------------------


def _algorithm(header: Mapping[str, Any], expected: ExpectedIdToken) -> str | None:
    algorithm = header.get("alg")
    if isinstance(algorithm, str) and algorithm in expected.algorithms:
        return None
    return f"alg {algorithm!r:.40} is not one of {', '.join(expected.algorithms)}"


def _type(header: Mapping[str, Any], expected: ExpectedIdToken) -> str | None:
    del expected
    typ = header.get("typ", "JWT")
    return None if isinstance(typ, str) and typ.lower() in _TYPES else f"typ {typ!r:.40} is not that of an ID token"


def _header(header: Mapping[str, Any], expected: ExpectedIdToken) -> str | None:
    del expected
    found = sorted(_NOT_FOLLOWED & header.keys())
    return f"the header has {', '.join(found)}" if found else None


def _kid(header: Mapping[str, Any], expected: ExpectedIdToken) -> str | None:
    del expected
    kid = header.get("kid")
    return None if kid is None or (isinstance(kid, str) and _KID.fullmatch(kid)) else "kid is not a short string"


HEADER_CHECKS: Final[dict[str, Callable[[Mapping[str, Any], ExpectedIdToken], str | None]]] = {
    "algorithm": _algorithm,
    "type": _type,
    "header": _header,
    "kid": _kid,
}


# The claims -------------------------------------------------------------------------------------------------------


def _tenant(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    tenant = token.claims.get("tid")
    if not expected.profile.has_several_tenants or is_tenant(tenant):
        return None
    return "tid is not a directory id"


def _tenant_allowed(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    return expected.profile.tenant_refusal(token.claims.get("tid"))


def _issuer(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    issuer, profile = token.claims.get("iss"), expected.profile
    accepted = {_for_tenant(profile.issuer, token), *profile.preset.former_issuers}
    return None if isinstance(issuer, str) and issuer in accepted else f"iss is {issuer!r:.200}"


def _key_issuer(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    del expected
    stated = token.key.issuer
    if stated is None or _for_tenant(stated, token) == token.claims.get("iss"):
        return None
    return f"the key is for tokens of {stated!r:.200}"


def _audience(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    # The library would accept a list with others, and any aud at all beside an azp that is ours.
    audience = token.claims.get("aud")
    return None if audience in (expected.client_id, [expected.client_id]) else "aud is not this client alone"


def _authorized_party(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    # The library takes an empty azp for none.
    if "azp" in token.claims and not token.claims["azp"]:
        return "azp is empty"
    return _by_library(_library(token, expected).validate_azp)


def _expiry(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    return _by_library(lambda: _times(expected).validate_exp(token.claims.get("exp")))


def _issued_at(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    issued_at: Any = token.claims.get("iat")
    problem = _by_library(lambda: _times(expected).validate_iat(issued_at))
    if problem is None and issued_at < expected.now - MAX_AGE_SECONDS - LEEWAY_SECONDS:
        return "iat is too long ago"
    return problem


def _not_before(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    if "nbf" not in token.claims:
        return None
    return _by_library(lambda: _times(expected).validate_nbf(token.claims["nbf"]))


def _nonce(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    # The library compares nothing where no nonce is expected; one always is.
    return _by_library(_library(token, expected).validate_nonce) if expected.nonce else "no nonce was sent"


def _access_token_hash(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    if "at_hash" not in token.claims:
        return None
    stated = token.claims["at_hash"]
    # The library takes an empty one for none, and skips the comparison without an access token.
    if not isinstance(stated, str) or not stated or not stated.isascii() or not expected.access_token:
        return "at_hash cannot be compared"
    return _by_library(_library(token, expected).validate_at_hash)


def _authentication_time(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    # The library does not compare the age, and forgets max_age=0.
    stated = token.claims.get("auth_time")
    if stated is None:
        demanded = expected.max_age is not None and expected.profile.preset.states_authentication_time
        return "auth_time is missing, although max_age was sent" if demanded else None
    problem = _by_library(lambda: _times(expected).validate_iat(stated))
    if problem is not None:
        return f"auth_time: {problem}"
    if stated < 0:
        return "auth_time is before 1970"
    if expected.max_age is not None and stated < expected.started_at - expected.max_age - LEEWAY_SECONDS:
        return "auth_time is longer ago than max_age permits"
    return None


def _subject(token: UnverifiedIdToken, expected: ExpectedIdToken) -> str | None:
    del expected
    return None if is_subject(token.claims.get("sub")) else "sub is not a string of 1 to 255 printable characters"


CLAIMS_CHECKS: Final[dict[str, Callable[[UnverifiedIdToken, ExpectedIdToken], str | None]]] = {
    "tenant": _tenant,
    "tenant_allowed": _tenant_allowed,
    "issuer": _issuer,
    "key_issuer": _key_issuer,
    "audience": _audience,
    "authorized_party": _authorized_party,
    "expiry": _expiry,
    "issued_at": _issued_at,
    "not_before": _not_before,
    "nonce": _nonce,
    "access_token_hash": _access_token_hash,
    "authentication_time": _authentication_time,
    "subject": _subject,
}


def is_subject(value: object) -> bool:
    """Whether a value can name a user (OpenID Connect Core section 2)."""
    return isinstance(value, str) and 0 < len(value) <= MAX_SUBJECT_CHARACTERS and value.isprintable()


def _for_tenant(issuer: str, token: UnverifiedIdToken) -> str:
    return issuer.replace(TENANT_PLACEHOLDER, str(token.claims.get("tid")))


def _library(token: UnverifiedIdToken, expected: ExpectedIdToken) -> CodeIDToken:
    parameters = {"client_id": expected.client_id, "nonce": expected.nonce, "access_token": expected.access_token}
    return CodeIDToken(token.claims, token.header, params=parameters)


def _times(expected: ExpectedIdToken) -> JWTClaimsRegistry:
    return JWTClaimsRegistry(now=int(expected.now), leeway=LEEWAY_SECONDS)


def _by_library(validate: Callable[[], None]) -> str | None:
    try:
        validate()
    except JoseError as exc:
        return f"{exc.error}: {exc.description}"
    return None
