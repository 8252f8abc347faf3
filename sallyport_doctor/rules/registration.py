"""How the server takes to new clients (reference: A6, A7, F5, F20; RFC 7591)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.login.seen import AttemptSeen
    from sallyport_doctor.observation import Observation

_ALONE = ("loopback", "https", "app scheme")
_HARMLESS = ("mixed", *_ALONE, "secret")


def _attempts(seen: Observation) -> Mapping[str, AttemptSeen]:
    return seen.registration.attempts if seen.registration is not None else {}


def _first(seen: Observation) -> AttemptSeen | None:
    return _attempts(seen).get("mixed")


def registration_unreachable(seen: Observation) -> str | None:
    """The registration endpoint is not there."""
    first = _first(seen)
    return first.told if first is not None and first.status in {0, 404, 405} else None


def registration_server_error(seen: Observation) -> str | None:
    """It breaks on what real clients send."""
    broken = [a.told for a in _attempts(seen).values() if a.status >= 500]
    return "; ".join(dict.fromkeys(broken)) or None


def registration_needs_token(seen: Observation) -> str | None:
    """RFC 7591 section 3: only those who hold an initial access token may register."""
    first = _first(seen)
    return first.told if first is not None and first.status in {401, 403} else None


def registration_rate_limited(seen: Observation) -> str | None:
    """F12: the first registration of somebody new is one too many."""
    first = _first(seen)
    return first.told if first is not None and first.status == 429 else None


def registration_answer_unreadable(seen: Observation) -> str | None:
    """Success without a client."""
    first = _first(seen)
    return first.told if first is not None and 200 <= first.status < 300 and not first.has_client_id else None


def registration_refused(seen: Observation) -> str | None:
    """F5: no kind of redirect is good enough."""
    first, attempts = _first(seen), _attempts(seen)
    if first is None or first.status in {401, 403} or not all(k in attempts for k in _ALONE):
        return None
    if any(attempts[k].accepted or attempts[k].status >= 500 for k in _ALONE):
        return None
    return f"{first.status} {first.error} for each kind of redirect".replace("  ", " ")


def registration_refuses_loopback(seen: Observation) -> str | None:
    """F5: programs on a person's machine answer on a loopback address."""
    return _refused_alone(seen, "loopback")


def registration_refuses_https_redirect(seen: Observation) -> str | None:
    """F5: hosted clients answer at an https address."""
    return _refused_alone(seen, "https")


def registration_refuses_app_scheme(seen: Observation) -> str | None:
    """F5: one entry of a custom scheme, and the whole registration is refused."""
    return _refused_alone(seen, "app scheme")


def registration_refuses_mixed(seen: Observation) -> str | None:
    """F5: each kind is good enough, but not all in one request."""
    first, attempts = _first(seen), _attempts(seen)
    if first is None or first.accepted or not all(k in attempts and attempts[k].accepted for k in _ALONE):
        return None
    return f"{first.status} {first.error}".strip()


def registration_wrong_status(seen: Observation) -> str | None:
    """RFC 7591 section 3.2.1: created is 201."""
    first = _first(seen)
    return "200 instead of 201" if first is not None and first.accepted and first.status != 201 else None


def registration_ignores_none(seen: Observation) -> str | None:
    """A7: asked for none, given something else."""
    for name in ("mixed", *_ALONE):
        attempt = _attempts(seen).get(name)
        if attempt is not None and attempt.accepted and attempt.method not in {None, "none"}:
            return f"asked for none, registered as {attempt.method}"
    return None


def registration_refuses_secret(seen: Observation) -> str | None:
    """A7: Le Chat and Copilot Studio want a secret."""
    attempt = _attempts(seen).get("secret")
    if attempt is None or attempt.status >= 500 or registration_refuses_https_redirect(seen):
        return None
    if not attempt.accepted:
        return f"{attempt.status} {attempt.error} for client_secret_basic".replace("  ", " ")
    return None if attempt.has_secret else "registered for client_secret_basic, but given no secret"


def registration_secret_without_expiry(seen: Observation) -> str | None:
    """RFC 7591 section 3.2.1: required with a secret."""
    attempt = _attempts(seen).get("secret")
    if attempt is None or not attempt.has_secret or attempt.has_secret_expiry:
        return None
    return "client_secret without client_secret_expires_at"


def registration_drops_redirect(seen: Observation) -> str | None:
    """A7: the effective set lacks what was asked for."""
    for name in _HARMLESS:
        attempt = _attempts(seen).get(name)
        if attempt is not None and attempt.accepted and attempt.redirects is not None:
            lost = [r for r in attempt.asked_redirects if r not in attempt.redirects]
            if lost:
                return f"lost: {', '.join(lost)}"
    return None


def registration_answer_cacheable(seen: Observation) -> str | None:
    """A13: the answer holds credentials."""
    first = _first(seen)
    if first is None or not first.accepted or "no-store" in first.cache_control:
        return None
    return f"Cache-Control is {first.cache_control or 'absent'}"


def registration_accepts_dangerous_scheme(seen: Observation) -> str | None:
    """F20: a redirect that is a script."""
    attempt = _attempts(seen).get("dangerous")
    return "javascript: was registered" if attempt is not None and attempt.accepted else None


def registration_accepts_plain_http(seen: Observation) -> str | None:
    """MCP: redirects are https or loopback."""
    attempt = _attempts(seen).get("plain http")
    return "http on a foreign host was registered" if attempt is not None and attempt.accepted else None


def _refused_alone(seen: Observation, kind: str) -> str | None:
    attempts = _attempts(seen)
    attempt = attempts.get(kind)
    if attempt is None or attempt.accepted or attempt.status >= 500 or registration_refused(seen):
        return None
    return f"{attempt.status} {attempt.error}".strip()
