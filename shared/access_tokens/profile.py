"""The access-token profile: auth_service issues by it and both services verify by it (RFC 9068, invariant 2).

Pure: claims and a clock reading in, verified claims or a reason out. No keys and no signatures here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from shared.jose.algorithms import SUPPORTED_ALGORITHMS
from shared.jose.jws import InvalidToken
from shared.scopes import parse_scope

TYPE: Final = "at+jwt"
"""The `typ` header of issued tokens (RFC 9068 section 2.1); verifiers accept the long form too."""

STATUS_LIST_TYPE: Final = "statuslist+jwt"
"""The `typ` header of the lists that `status` claims refer to (draft-ietf-oauth-status-list)."""

ACCEPTED_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})

RESERVED_CLAIMS: Final = frozenset(
    [
        "acr",
        "act",
        "amr",
        "aud",
        "auth_time",
        "authorization_details",
        "azp",
        "client_id",
        "cnf",
        "exp",
        "gid",
        "iat",
        "iss",
        "jti",
        "may_act",
        "nbf",
        "nonce",
        "scope",
        "status",
        "sub",
    ]
)
"""The claims of the profile, and those that decide in others. Every other claim of a token tells about its user."""

NO_CLAIMS: Final[Mapping[str, Any]] = MappingProxyType({})

MAX_LIFETIME_SECONDS: Final = 86_400
"""A token of a longer lifetime is refused."""

MAX_LIST_URI_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class AccessTokenPolicy:
    """The tokens that a verifier accepts. Durations in seconds."""

    issuer: str
    audiences: frozenset[str]
    """The resource and its explicit aliases; one of them must be in `aud`."""
    algorithms: frozenset[str] = frozenset(SUPPORTED_ALGORITHMS)
    leeway_seconds: int = 5
    """For clocks that disagree; the issuer, which reads its own clock, needs none."""
    max_lifetime_seconds: int = MAX_LIFETIME_SECONDS


class StatusReference(NamedTuple):
    """The entry of a Token Status List that tells whether the token is revoked."""

    uri: str
    entry: int


class VerifiedClaims(NamedTuple):
    """The claims of a token that passed every check. Times in seconds since 1970.

    A tuple, because it is made for each new token and a frozen dataclass takes six times as long to make.
    """

    issuer: str
    subject: str
    audience: tuple[str, ...]
    client_id: str
    scopes: tuple[str, ...]
    issued_at: int
    expires_at: int
    token_id: str
    grant_id: str | None
    status: StatusReference | None
    user: Mapping[str, Any] = NO_CLAIMS
    """The claims about the user, such as `email` or `groups`: as JSON has them, and not checked further."""


def check_header(unverified_header: Mapping[str, Any], policy: AccessTokenPolicy) -> tuple[str, str]:
    """Check the header before any key is looked up; return the unverified `kid` and `alg`. Raises InvalidToken."""
    typ = unverified_header.get("typ")
    if not isinstance(typ, str) or typ.lower() not in ACCEPTED_TYPES:
        raise InvalidToken("typ", f"typ is {typ!r:.40}, not {TYPE}")
    alg = unverified_header.get("alg")
    if not isinstance(alg, str) or alg not in policy.algorithms:
        raise InvalidToken("alg", f"alg {alg!r:.40} is not in the configured list")
    if "crit" in unverified_header:
        raise InvalidToken("crit", "the header has critical extensions, none of which is understood")
    if unverified_header.get("b64") is not None:
        raise InvalidToken("b64", "the payload is declared unencoded")
    kid = unverified_header.get("kid")
    if not isinstance(kid, str) or not 0 < len(kid) <= 200:
        raise InvalidToken("kid", "kid is missing or not a short string")
    return kid, alg


def check_claims(unverified_claims: Mapping[str, Any], policy: AccessTokenPolicy, *, now: float) -> VerifiedClaims:
    """Check every claim of RFC 9068 section 2.2; `now` in seconds since 1970. Raises InvalidToken."""
    if unverified_claims.get("iss") != policy.issuer:
        raise InvalidToken("iss", f"iss is {unverified_claims.get('iss')!r:.200}, not the configured issuer")
    audience = _audience(unverified_claims.get("aud"))
    if policy.audiences.isdisjoint(audience):
        raise InvalidToken("aud", f"aud {audience!r:.200} does not name this resource")
    leeway = policy.leeway_seconds
    expires_at = _time(unverified_claims, "exp")
    issued_at = _time(unverified_claims, "iat")
    if now >= expires_at + leeway:
        raise InvalidToken("exp", f"expired {int(now) - expires_at} s ago")
    if issued_at > now + leeway:
        raise InvalidToken("iat", f"issued {issued_at - int(now)} s in the future")
    if expires_at - issued_at > policy.max_lifetime_seconds:
        raise InvalidToken("exp", f"a lifetime of {expires_at - issued_at} s is longer than any that is issued")
    if "nbf" in unverified_claims and _time(unverified_claims, "nbf") > now + leeway:
        raise InvalidToken("nbf", "not valid yet")
    scope = unverified_claims.get("scope", "")
    if not isinstance(scope, str):
        raise InvalidToken("scope", "scope is not a string")
    try:
        scopes = _scopes(scope)
    except ValueError as exc:
        raise InvalidToken("scope", str(exc)) from exc
    grant_id = unverified_claims.get("gid")
    return VerifiedClaims(
        issuer=policy.issuer,
        subject=_text(unverified_claims, "sub"),
        audience=audience,
        client_id=_text(unverified_claims, "client_id"),
        scopes=scopes,
        issued_at=issued_at,
        expires_at=expires_at,
        token_id=_text(unverified_claims, "jti"),
        grant_id=grant_id if isinstance(grant_id, str) else None,
        status=_status(unverified_claims),
        user=_user(unverified_claims),
    )


_scopes = lru_cache(maxsize=256)(parse_scope)
"""Few combinations of scopes are granted, over and over; only a token with a good signature gets here."""


def _user(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """The claims about the user, bounded by the size of a token."""
    names = claims.keys() - RESERVED_CLAIMS
    return MappingProxyType({name: claims[name] for name in claims if name in names}) if names else NO_CLAIMS


def _status(claims: Mapping[str, Any]) -> StatusReference | None:
    """The reference of the claim `status`, if it has one of the mechanism `status_list`; others are passed over."""
    if "status" not in claims:
        return None
    status = claims["status"]
    if isinstance(status, dict):
        if "status_list" not in status:
            return None
        reference = status["status_list"]
        if isinstance(reference, dict):
            uri, index = reference.get("uri"), reference.get("idx")
            if isinstance(uri, str) and 0 < len(uri) <= MAX_LIST_URI_CHARACTERS and type(index) is int and index >= 0:
                return StatusReference(uri, index)
    raise InvalidToken("status", "status is not a reference to an entry of a status list")


def _audience(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and value:
        return (value,)
    if isinstance(value, list) and value and all(isinstance(v, str) and v for v in value):
        return tuple(value)
    raise InvalidToken("aud", "aud is missing or not a string or list of strings")


def _time(claims: Mapping[str, Any], name: str) -> int:
    # A bool is an int to Python, and NaN passes every comparison: only a plain int is a time.
    value = claims.get(name)
    if type(value) is not int or not 0 < value < 1 << 53:
        raise InvalidToken(name, f"{name} is missing or not a finite whole number")
    return value


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidToken(name, f"{name} is missing or not a string")
    return value
