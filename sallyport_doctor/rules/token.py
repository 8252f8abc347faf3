"""Rules for the access token (RFC 9068, RFC 8725)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.login_evidence import Signature

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.login_evidence import TokenEvidence

_DAY: Final = 86_400
_REQUIRED: Final = ("iss", "sub", "aud", "exp", "iat", "jti", "client_id")
_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})


def _jwt(evidence: Evidence) -> TokenEvidence | None:
    token = evidence.token
    return token if token is not None and not token.opaque else None


def _claims(evidence: Evidence) -> Mapping[str, Any]:
    token = _jwt(evidence)
    return token.claims if token is not None else {}


def token_opaque(evidence: Evidence) -> str | None:
    token = evidence.token
    return "not a signed JWT" if token is not None and token.opaque else None


def token_unsigned(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    return "alg none" if token is not None and str(token.header.get("alg")).lower() == "none" else None


def token_symmetric(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    algorithm = str(token.header.get("alg")) if token is not None else ""
    return f"alg {algorithm}" if algorithm.startswith("HS") else None


def token_without_kid(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    if token is None or token.header.get("kid") or token_unsigned(evidence) or token_symmetric(evidence):
        return None
    return "no kid in the header"


def token_key_not_in_set(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    if token is None or token.signature is not Signature.UNKNOWN_KEY or not token.header.get("kid"):
        return None
    return f"kid {token.header.get('kid')!r:.80} is not in the JWKS"


def token_signature_wrong(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    return "the signature is invalid" if token is not None and token.signature is Signature.INVALID else None


def token_type(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    typ = token.header.get("typ") if token is not None else None
    if token is None or (isinstance(typ, str) and typ.lower() in _TYPES):
        return None
    return f"typ is {typ!r:.40}"


def token_issuer_differs(evidence: Evidence) -> str | None:
    iss, issuer = _claims(evidence).get("iss"), (evidence.metadata or {}).get("issuer")
    return f"{iss!r:.200} instead of {issuer!r:.200}" if iss and issuer and iss != issuer else None


def token_audience_differs(evidence: Evidence) -> str | None:
    aud, prm = _claims(evidence).get("aud"), evidence.prm
    if aud is None or prm is None or not isinstance(prm.get("resource"), str):
        return None
    audience = aud if isinstance(aud, list) else [aud]
    return None if prm["resource"] in audience else f"aud is {aud!r:.200}, the resource {prm['resource']!r:.200}"


def token_claims_missing(evidence: Evidence) -> str | None:
    token = _jwt(evidence)
    missing = [name for name in _REQUIRED if name not in token.claims] if token is not None else []
    return ", ".join(missing) or None


def token_expired(evidence: Evidence) -> str | None:
    ends = _number(_claims(evidence).get("exp"))
    return f"expired {int(evidence.now - ends)} seconds ago" if ends is not None and ends <= evidence.now else None


def token_lifetime_long(evidence: Evidence) -> str | None:
    ends, begins = _number(_claims(evidence).get("exp")), _number(_claims(evidence).get("iat"))
    if ends is None or begins is None or ends - begins <= _DAY:
        return None
    return f"{(ends - begins) / 3600:.0f} hours"


def token_not_yet_valid(evidence: Evidence) -> str | None:
    begins = [n for n in (_number(_claims(evidence).get(c)) for c in ("iat", "nbf")) if n is not None]
    ahead = max(begins, default=evidence.now) - evidence.now
    return f"{int(ahead)} seconds ahead" if ahead > 30 else None


def _number(value: Any) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not -1e15 < value < 1e15:
        return None  # NaN fails both comparisons
    return float(value)
