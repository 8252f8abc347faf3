"""The claims of an assertion and of a session token: the checks in their order, and the identity that they state. Pure.

Invariant 13: the identity is the provider, its issuer and `sub`. No other claim takes part in it.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.external.signed_jwt import refused
from auth_service.federation.identity import MAX_GROUPS, MAX_SUBJECT_CHARACTERS, Identity

if TYPE_CHECKING:
    from auth_service.federation.configuration import ExternalProvider

MAX_ASSERTION_SECONDS: Final = 60
LEEWAY_SECONDS: Final = 5
"""The seconds by which the clock of the issuer may be ahead."""
MAX_TEXT_CHARACTERS: Final = 300
MAX_TIME: Final = 2**53
"""The largest accepted time: a JSON number is exact up to there."""
MAX_FURTHER_CLAIMS: Final = 50

READ_HERE: Final = frozenset(
    ["aud", "auth_time", "email", "email_verified", "exp", "groups", "iat", "iss", "jti", "name", "nbf", "nonce", "sub"]
)
"""The claims that rules and resources cannot name among the further claims."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The values with which claims are compared. Times in seconds since 1970."""

    issuer: str
    audience: str
    nonce: str
    now: float
    max_age: int
    """The maximum seconds since `iat`."""
    authenticated_after: float | None = None
    """The earliest `auth_time`, if the request has a `max_age`."""


Check = Callable[[Mapping[str, Any], Expected], None]


def check_issuer(claims: Mapping[str, Any], expected: Expected) -> None:
    """`iss` is the configured text, byte for byte. It need not be a URL."""
    if claims.get("iss") != expected.issuer:
        raise refused("iss", f"iss {claims.get('iss')!r:.100} is not {expected.issuer!r}")


def check_audience(claims: Mapping[str, Any], expected: Expected) -> None:
    """`aud` is one audience, as a text or a list of one: a second audience could replay the token here."""
    if claims.get("aud") not in (expected.audience, [expected.audience]):
        raise refused("aud", f"aud {claims.get('aud')!r:.200} is not {expected.audience!r} alone")


def check_nonce(claims: Mapping[str, Any], expected: Expected) -> None:
    """`nonce` is that of this sign-in; the signature covers it."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not hmac.compare_digest(nonce.encode(), expected.nonce.encode()):
        raise refused("nonce", "nonce is missing or that of another sign-in")


def check_issued_at(claims: Mapping[str, Any], expected: Expected) -> None:
    """`iat` is recent."""
    issued_at = _time(claims, "iat")
    if issued_at is None:
        raise refused("iat", "iat is missing")
    if issued_at > expected.now + LEEWAY_SECONDS:
        raise refused("iat", f"iat is {issued_at - expected.now:.0f} s in the future")
    if issued_at < expected.now - expected.max_age:
        raise refused("iat", f"issued {expected.now - issued_at:.0f} s ago, more than {expected.max_age} s")


def check_not_expired(claims: Mapping[str, Any], expected: Expected) -> None:
    """`exp`, if present, is not reached (RFC 7519 section 4.1.4)."""
    expires_at = _time(claims, "exp")
    if expires_at is not None and expected.now >= expires_at + LEEWAY_SECONDS:
        raise refused("exp", f"expired {expected.now - expires_at:.0f} s ago")


def check_has_expiry(claims: Mapping[str, Any], expected: Expected) -> None:  # noqa: ARG001 - all checks are called alike
    """`exp` is present: a JWT without it is no session token."""
    if _time(claims, "exp") is None:
        raise refused("exp", "exp is missing")


def check_not_before(claims: Mapping[str, Any], expected: Expected) -> None:
    """`nbf`, if present, is reached."""
    not_before = _time(claims, "nbf")
    if not_before is not None and not_before > expected.now + LEEWAY_SECONDS:
        raise refused("nbf", "nbf is in the future")


def check_subject(claims: Mapping[str, Any], expected: Expected) -> None:  # noqa: ARG001 - all checks are called alike
    """`sub` is a text of 1 to 255 printable characters (OpenID Connect Core section 2)."""
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= MAX_SUBJECT_CHARACTERS or not subject.isprintable():
        raise refused("sub", f"sub is not a text of 1 to {MAX_SUBJECT_CHARACTERS} printable characters")


def check_authentication(claims: Mapping[str, Any], expected: Expected) -> None:
    """`auth_time` is recent enough for the `max_age` of the request, if it has one.

    Required then, as by OpenID Connect Core section 2: `iat` says when the token was made, not when the user signed in.
    """
    authenticated_at = _time(claims, "auth_time")
    if authenticated_at is not None and authenticated_at > expected.now + LEEWAY_SECONDS:
        raise refused("auth_time", "auth_time is in the future")
    if expected.authenticated_after is None:
        return
    if authenticated_at is None:
        raise refused("auth_time", "the request has a max_age, and auth_time is missing")
    if authenticated_at < expected.authenticated_after:
        raise refused("auth_time", "the user signed in too long ago")


ASSERTION_CHECKS: tuple[Check, ...] = (
    check_issuer,
    check_audience,
    check_nonce,
    check_issued_at,
    check_not_expired,
    check_not_before,
    check_subject,
    check_authentication,
)
SESSION_TOKEN_CHECKS: tuple[Check, ...] = (
    check_issuer,
    check_audience,
    check_issued_at,
    check_has_expiry,
    check_not_expired,
    check_not_before,
    check_subject,
    check_authentication,
)


def identity_of(claims: Mapping[str, Any], configuration: ExternalProvider, *, now: float) -> Identity:
    """The identity that the checked claims state. Raises SignInRefused for a claim of the wrong type."""
    email = _text(claims, "email")
    groups = claims.get("groups")
    if groups is not None and not (isinstance(groups, list) and all(_is_text(group) for group in groups)):
        raise refused("claims", "groups is not a list of short texts")
    further = {name: value for name, value in claims.items() if name not in READ_HERE}
    if len(further) > MAX_FURTHER_CLAIMS:
        raise refused("claims", f"{len(further)} further claims, more than {MAX_FURTHER_CLAIMS}")
    authenticated_at = _time(claims, "auth_time")
    return Identity(
        provider=configuration.id,
        issuer=configuration.issuer,
        subject=claims["sub"],
        authenticated_at=int(now if authenticated_at is None else authenticated_at),
        email=email,
        email_verified=email is not None and configuration.email_verified and claims.get("email_verified") is True,
        name=_text(claims, "name"),
        groups=tuple((groups or [])[:MAX_GROUPS]),
        # Without the claim nothing is known of groups: a rule that denies a group cannot be decided.
        groups_complete=groups is not None and len(groups) <= MAX_GROUPS,
        claims=further,
    )


def _text(claims: Mapping[str, Any], name: str) -> str | None:
    value = claims.get(name)
    if value is None or value == "":
        return None
    if not _is_text(value):
        raise refused("claims", f"{name} is not a short text")
    return str(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT_CHARACTERS and value.isprintable()


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    # A bool is an int to Python, and NaN passes every comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise refused(name, f"{name} is not a number")
    if not 0 <= value <= MAX_TIME:
        raise refused(name, f"{name} is no time")
    return value
