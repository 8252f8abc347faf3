"""Rules for authorization requests of a registered client."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from sallyport_doctor.addresses import split
from sallyport_doctor.authorization import (
    LOOPBACK,
    OTHER_PORT,
    UNREGISTERED_REDIRECT,
    is_code_without_sign_in,
    is_refusal,
    redirects_to,
)

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange


def _variant(evidence: Evidence, name: str) -> HttpExchange | None:
    """The response to a variant; None if the baseline request is refused, because then it proves nothing."""
    if evidence.registration is None:
        return None
    baseline = evidence.registration.authorize.get("baseline")
    return None if baseline is None or is_refusal(baseline) else evidence.registration.authorize.get(name)


def _refused(evidence: Evidence, name: str) -> str | None:
    response = _variant(evidence, name)
    return _describe(response) if response is not None and is_refusal(response) else None


def _describe(response: HttpExchange) -> str:
    error = parse_qs(split(response.location).query).get("error", [""])[0] if response.is_redirect else ""
    return f"{response.status} {error[:60]}".strip()


def authorize_refused(evidence: Evidence) -> str | None:
    if evidence.registration is None:
        return None
    response = evidence.registration.authorize.get("baseline")
    return _describe(response) if response is not None and is_refusal(response) else None


def authorize_without_consent(evidence: Evidence) -> str | None:
    response = _variant(evidence, "baseline")
    granted = response is not None and is_code_without_sign_in(response)
    return "a code for a new client, without a sign-in page" if granted else None


def redirect_loopback_port_refused(evidence: Evidence) -> str | None:
    refusal = _refused(evidence, "other port")
    return f"{refusal} for {OTHER_PORT}, where {LOOPBACK} is registered" if refusal else None


def redirect_unregistered_accepted(evidence: Evidence) -> str | None:
    response = _variant(evidence, "other redirect")
    if response is None or response.failure is not None:
        return None
    if redirects_to(response, UNREGISTERED_REDIRECT) or not is_refusal(response):
        return f"{_describe(response)} for an unregistered redirect URI"
    return None


def pkce_not_enforced(evidence: Evidence) -> str | None:
    response = _variant(evidence, "without PKCE")
    return (
        f"{_describe(response)} without code_challenge" if response is not None and not is_refusal(response) else None
    )


def authorize_needs_scope(evidence: Evidence) -> str | None:
    return _refused(evidence, "without scope")


def authorize_needs_resource(evidence: Evidence) -> str | None:
    return _refused(evidence, "without resource")


def authorize_refuses_repeated_resource(evidence: Evidence) -> str | None:
    return _refused(evidence, "resource twice")


def authorize_accepts_foreign_resource(evidence: Evidence) -> str | None:
    response = _variant(evidence, "foreign resource")
    return (
        f"{_describe(response)} for a foreign resource" if response is not None and not is_refusal(response) else None
    )


def cimd_vendor_refused(evidence: Evidence) -> str | None:
    if evidence.registration is None:
        return None
    refused = [
        f"{name}: {_describe(response)}"
        for name, response in evidence.registration.client_documents.items()
        if is_refusal(response)
    ]
    return "; ".join(refused) or None


def authorize_needs_state(evidence: Evidence) -> str | None:
    return _refused(evidence, "without state")


def authorize_refuses_offline_access(evidence: Evidence) -> str | None:
    return _refused(evidence, "offline access")


def iss_missing_in_error(evidence: Evidence) -> str | None:
    if (evidence.metadata or {}).get("authorization_response_iss_parameter_supported") is not True:
        return None
    if evidence.registration is None:
        return None
    for name, response in evidence.registration.authorize.items():
        if is_refusal(response) and redirects_to(response, LOOPBACK) and "iss=" not in split(response.location).query:
            return f"no iss in the error for the request variant: {name}"
    return None


def page_frameable(evidence: Evidence) -> str | None:
    if evidence.registration is None:
        return None
    variants = evidence.registration.authorize
    page = variants.get("page") or variants.get("baseline")
    if page is None or not page.ok or not page.is_html_page:
        return None
    policy = (page.header("Content-Security-Policy") or "").lower()
    if "frame-ancestors" in policy or page.header("X-Frame-Options"):
        return None
    return "neither frame-ancestors nor X-Frame-Options"


def refresh_error_not_invalid_grant(evidence: Evidence) -> str | None:
    response = evidence.registration.invalid_refresh if evidence.registration is not None else None
    if response is None or response.failure is not None:
        return None
    error = (response.document or {}).get("error")
    if response.status == 400 and error == "invalid_grant":
        return None
    return f"{response.status} {error!r:.60} for an unknown refresh token of a known client"
