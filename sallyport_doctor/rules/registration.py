"""Rules for dynamic client registration (RFC 7591)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.login_evidence import RegistrationAttempt

_SEPARATE = ("loopback", "https", "app scheme")
_HARMLESS = ("mixed", *_SEPARATE, "secret")


def _attempts(evidence: Evidence) -> Mapping[str, RegistrationAttempt]:
    return evidence.registration.attempts if evidence.registration is not None else {}


def _first(evidence: Evidence) -> RegistrationAttempt | None:
    return _attempts(evidence).get("mixed")


def registration_unreachable(evidence: Evidence) -> str | None:
    first = _first(evidence)
    return first.summary if first is not None and first.status in {0, 404, 405} else None


def registration_server_error(evidence: Evidence) -> str | None:
    broken = [a.summary for a in _attempts(evidence).values() if a.status >= 500]
    return "; ".join(dict.fromkeys(broken)) or None


def registration_needs_token(evidence: Evidence) -> str | None:
    first = _first(evidence)
    return first.summary if first is not None and first.status in {401, 403} else None


def registration_rate_limited(evidence: Evidence) -> str | None:
    first = _first(evidence)
    return first.summary if first is not None and first.status == 429 else None


def registration_response_invalid(evidence: Evidence) -> str | None:
    first = _first(evidence)
    return first.summary if first is not None and 200 <= first.status < 300 and not first.has_client_id else None


def registration_refused(evidence: Evidence) -> str | None:
    first, attempts = _first(evidence), _attempts(evidence)
    if first is None or first.status in {401, 403} or not all(k in attempts for k in _SEPARATE):
        return None
    if any(attempts[k].accepted or attempts[k].status >= 500 for k in _SEPARATE):
        return None
    return f"{first.status} {first.error} for each kind of redirect URI".replace("  ", " ")


def registration_refuses_loopback(evidence: Evidence) -> str | None:
    return _refused_separately(evidence, "loopback")


def registration_refuses_https_redirect(evidence: Evidence) -> str | None:
    return _refused_separately(evidence, "https")


def registration_refuses_app_scheme(evidence: Evidence) -> str | None:
    return _refused_separately(evidence, "app scheme")


def registration_refuses_mixed(evidence: Evidence) -> str | None:
    first, attempts = _first(evidence), _attempts(evidence)
    if first is None or first.accepted or not all(k in attempts and attempts[k].accepted for k in _SEPARATE):
        return None
    return f"{first.status} {first.error}".strip()


def registration_wrong_status(evidence: Evidence) -> str | None:
    first = _first(evidence)
    return "200 instead of 201" if first is not None and first.accepted and first.status != 201 else None


def registration_ignores_none(evidence: Evidence) -> str | None:
    for name in ("mixed", *_SEPARATE):
        attempt = _attempts(evidence).get(name)
        if attempt is not None and attempt.accepted and attempt.method not in {None, "none"}:
            return f"requested none, registered as {attempt.method}"
    return None


def registration_refuses_secret(evidence: Evidence) -> str | None:
    attempt = _attempts(evidence).get("secret")
    if attempt is None or attempt.status >= 500 or registration_refuses_https_redirect(evidence):
        return None
    if not attempt.accepted:
        return f"{attempt.status} {attempt.error} for client_secret_basic".replace("  ", " ")
    return None if attempt.has_secret else "registered with client_secret_basic, but without a secret"


def registration_secret_without_expiry(evidence: Evidence) -> str | None:
    attempt = _attempts(evidence).get("secret")
    if attempt is None or not attempt.has_secret or attempt.has_secret_expiry:
        return None
    return "client_secret without client_secret_expires_at"


def registration_drops_redirect(evidence: Evidence) -> str | None:
    for name in _HARMLESS:
        attempt = _attempts(evidence).get(name)
        if attempt is not None and attempt.accepted and attempt.redirects is not None:
            dropped = [r for r in attempt.requested_redirects if r not in attempt.redirects]
            if dropped:
                return f"not registered: {', '.join(dropped)}"
    return None


def registration_response_cacheable(evidence: Evidence) -> str | None:
    first = _first(evidence)
    if first is None or not first.accepted or "no-store" in first.cache_control:
        return None
    return f"Cache-Control is {first.cache_control or 'absent'}"


def registration_accepts_dangerous_scheme(evidence: Evidence) -> str | None:
    attempt = _attempts(evidence).get("dangerous")
    return "javascript: is registered" if attempt is not None and attempt.accepted else None


def registration_accepts_plain_http(evidence: Evidence) -> str | None:
    attempt = _attempts(evidence).get("plain http")
    return "http on a public host is registered" if attempt is not None and attempt.accepted else None


def _refused_separately(evidence: Evidence, kind: str) -> str | None:
    attempts = _attempts(evidence)
    attempt = attempts.get(kind)
    if attempt is None or attempt.accepted or attempt.status >= 500 or registration_refused(evidence):
        return None
    return f"{attempt.status} {attempt.error}".strip()
