"""What an access token is made of (reference: R8, F16; RFC 9068, RFC 8725)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.login.seen import TokenSeen
    from sallyport_doctor.observation import Observation

_DAY: Final = 86_400
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})


def _jwt(seen: Observation) -> TokenSeen | None:
    token = seen.token
    return token if token is not None and not token.opaque else None


def _claims(seen: Observation) -> Mapping[str, Any]:
    token = _jwt(seen)
    return token.claims if token is not None else {}


def token_opaque(seen: Observation) -> str | None:
    """Only the issuer can say what it means."""
    token = seen.token
    return "not a signed JWT" if token is not None and token.opaque else None


def token_unsigned(seen: Observation) -> str | None:
    """RFC 8725 section 3.1: anyone can write it."""
    token = _jwt(seen)
    return "alg none" if token is not None and str(token.header.get("alg")).lower() == "none" else None


def token_symmetric(seen: Observation) -> str | None:
    """Whoever can verify it can also make it."""
    token = _jwt(seen)
    algorithm = str(token.header.get("alg")) if token is not None else ""
    return f"alg {algorithm}" if algorithm.startswith("HS") else None


def token_without_kid(seen: Observation) -> str | None:
    """R8: verifiers can't choose the key."""
    token = _jwt(seen)
    if token is None or token.header.get("kid") or token_unsigned(seen) or token_symmetric(seen):
        return None
    return "no kid in the header"


def token_key_not_in_set(seen: Observation) -> str | None:
    """F16: signed by a key that is not published."""
    token = _jwt(seen)
    if token is None or token.signature != "no such key" or not token.header.get("kid"):
        return None
    return f"kid {token.header.get('kid')!r:.80} is not in the key set"


def token_signature_wrong(seen: Observation) -> str | None:
    """The published key of that name does not vouch for it."""
    token = _jwt(seen)
    return "the signature does not verify" if token is not None and token.signature == "wrong" else None


def token_type(seen: Observation) -> str | None:
    """RFC 9068 section 2.1: told apart from an ID token."""
    token = _jwt(seen)
    told = token.header.get("typ") if token is not None else None
    if token is None or (isinstance(told, str) and told.lower() in _TYPES):
        return None
    return f"typ is {told!r:.40}"


def token_issuer_differs(seen: Observation) -> str | None:
    """F2: another issuer than the metadata's."""
    told, issuer = _claims(seen).get("iss"), (seen.metadata or {}).get("issuer")
    return f"{told!r:.200} instead of {issuer!r:.200}" if told and issuer and told != issuer else None


def token_audience_differs(seen: Observation) -> str | None:
    """R8, F16: not for this resource."""
    told, prm = _claims(seen).get("aud"), seen.prm
    if told is None or prm is None or not isinstance(prm.get("resource"), str):
        return None
    audience = told if isinstance(told, list) else [told]
    return None if prm["resource"] in audience else f"aud is {told!r:.200}, the resource {prm['resource']!r:.200}"


def token_claims_missing(seen: Observation) -> str | None:
    """RFC 9068 section 2.2: required claims."""
    token = _jwt(seen)
    missing = [name for name in _REQUIRED if name not in token.claims] if token is not None else []
    return ", ".join(missing) or None


def token_expired(seen: Observation) -> str | None:
    """It is over."""
    ends = _number(_claims(seen).get("exp"))
    return f"expired {int(seen.now - ends)} seconds ago" if ends is not None and ends <= seen.now else None


def token_lives_long(seen: Observation) -> str | None:
    """MCP: short-lived; a stolen one works until it ends."""
    ends, begins = _number(_claims(seen).get("exp")), _number(_claims(seen).get("iat"))
    if ends is None or begins is None or ends - begins <= _DAY:
        return None
    return f"{(ends - begins) / 3600:.0f} hours"


def token_from_the_future(seen: Observation) -> str | None:
    """The issuer's clock is ahead: strict verifiers refuse."""
    begins = [n for n in (_number(_claims(seen).get(c)) for c in ("iat", "nbf")) if n is not None]
    ahead = max(begins, default=seen.now) - seen.now
    return f"{int(ahead)} seconds ahead" if ahead > 30 else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e15 < value < 1e15:
        return None  # NaN fails both comparisons
    return float(value)
