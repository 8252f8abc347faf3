"""How authorization requests of a registered client are taken (reference: A5, A8, A9, A16, F5, F17, F18)."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sallyport_doctor.addresses import split
from sallyport_doctor.login.registering import LOOPBACK
from sallyport_doctor.login.variants import OTHER_PORT, goes_to, is_granted_unasked, is_refusal
from sallyport_doctor.probes.endpoints import STRANGERS_CALLBACK

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation


def _variant(seen: Observation, name: str) -> Exchange | None:
    """The answer to a variant, where the request as it should be was taken (else nothing can be said)."""
    if seen.registration is None:
        return None
    plain = seen.registration.authorize.get("as it should be")
    return None if plain is None or is_refusal(plain) else seen.registration.authorize.get(name)


def _refused(seen: Observation, name: str) -> str | None:
    answer = _variant(seen, name)
    return _told(answer) if answer is not None and is_refusal(answer) else None


def _told(answer: Exchange) -> str:
    error = parse_qs(split(answer.location).query).get("error", [""])[0] if answer.is_redirect else ""
    return f"{answer.status} {error[:60]}".strip()


def authorize_refused(seen: Observation) -> str | None:
    """A well-formed request of a client just registered is refused."""
    if seen.registration is None:
        return None
    answer = seen.registration.authorize.get("as it should be")
    return _told(answer) if answer is not None and is_refusal(answer) else None


def authorize_asks_nobody(seen: Observation) -> str | None:
    """F20: nobody has signed in or agreed, and the client gets a code."""
    answer = _variant(seen, "as it should be")
    granted = answer is not None and is_granted_unasked(answer)
    return "a code for a client just registered, without any page" if granted else None


def redirect_loopback_port_refused(seen: Observation) -> str | None:
    """A5: the port of a loopback redirect is chosen when the client runs."""
    told = _refused(seen, "other port")
    return f"{told} for {OTHER_PORT}, where {LOOPBACK} is registered" if told else None


def redirect_unregistered_accepted(seen: Observation) -> str | None:
    """F20: the answer can be led to a host that was never registered."""
    answer = _variant(seen, "other redirect")
    if answer is None or answer.failure is not None:
        return None
    if goes_to(answer, STRANGERS_CALLBACK) or not is_refusal(answer):
        return f"{_told(answer)} for a redirect that was not registered"
    return None


def pkce_not_enforced(seen: Observation) -> str | None:
    """OAuth 2.1 section 7.5.2: a request without a challenge is refused."""
    answer = _variant(seen, "without PKCE")
    return f"{_told(answer)} without code_challenge" if answer is not None and not is_refusal(answer) else None


def authorize_needs_scope(seen: Observation) -> str | None:
    """A9: a request without scope gets the default."""
    return _refused(seen, "without scope")


def authorize_needs_resource(seen: Observation) -> str | None:
    """A8: a request without resource gets the default resource."""
    return _refused(seen, "without resource")


def authorize_refuses_repeated_resource(seen: Observation) -> str | None:
    """A8: the same resource twice is one resource (RFC 8707 section 2)."""
    return _refused(seen, "resource twice")


def authorize_takes_foreign_resource(seen: Observation) -> str | None:
    """A8: a token for a resource that this server does not know."""
    answer = _variant(seen, "foreign resource")
    return f"{_told(answer)} for a foreign resource" if answer is not None and not is_refusal(answer) else None


def cimd_vendor_refused(seen: Observation) -> str | None:
    """F7, F8: a well-known client's metadata document is not taken, although documents are offered."""
    if seen.registration is None:
        return None
    hit = [f"{name}: {_told(answer)}" for name, answer in seen.registration.vendors.items() if is_refusal(answer)]
    return "; ".join(hit) or None


def authorize_needs_state(seen: Observation) -> str | None:
    """A16: older clients send none, and PKCE protects them."""
    return _refused(seen, "without state")


def authorize_refuses_offline_access(seen: Observation) -> str | None:
    """A9, F13: advertised and refused."""
    return _refused(seen, "offline access")


def iss_missing_in_error(seen: Observation) -> str | None:
    """A3, F17: the flag is set, and an error goes out without the issuer."""
    if (seen.metadata or {}).get("authorization_response_iss_parameter_supported") is not True:
        return None
    if seen.registration is None:
        return None
    for name, answer in seen.registration.authorize.items():
        if is_refusal(answer) and goes_to(answer, LOOPBACK) and "iss=" not in split(answer.location).query:
            return f"the error for a request {name} has no iss"
    return None


def page_frameable(seen: Observation) -> str | None:
    """RFC 9700 section 4.16: another page can lay itself over the question."""
    if seen.registration is None:
        return None
    variants = seen.registration.authorize
    page = variants.get("page") or variants.get("as it should be")
    if page is None or not page.ok or not page.looks_like_page:
        return None
    policy = (page.header("Content-Security-Policy") or "").lower()
    if "frame-ancestors" in policy or page.header("X-Frame-Options"):
        return None
    return "neither frame-ancestors nor X-Frame-Options"


def refresh_dead_answer(seen: Observation) -> str | None:
    """A12: a dead refresh token is 400 invalid_grant."""
    answer = seen.registration.dead_refresh if seen.registration is not None else None
    if answer is None or answer.failure is not None:
        return None
    error = (answer.document or {}).get("error")
    if answer.status == 400 and error == "invalid_grant":
        return None
    return f"{answer.status} {error!r:.60} for a made-up refresh token of a known client"
