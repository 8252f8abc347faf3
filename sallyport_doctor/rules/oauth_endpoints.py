"""Rules for responses of the token and authorization endpoints to an unknown client."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import split

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

_UNREGISTERED_HOST = "doctor.invalid"


def _token(evidence: Evidence) -> HttpExchange | None:
    response = evidence.oauth_endpoints.get("token")
    return response if response is not None and response.failure is None else None


def token_endpoint_unreachable(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("token")
    if response is None or (response.failure is None and response.status not in {404, 405}):
        return None
    return response.summary()


def token_endpoint_json_only(evidence: Evidence) -> str | None:
    response = _token(evidence)
    if response is None or response.status not in {415, 422}:
        return None
    return f"{response.status} for application/x-www-form-urlencoded"


def token_endpoint_server_error(evidence: Evidence) -> str | None:
    response = _token(evidence)
    return f"{response.status} for an unknown client" if response is not None and response.status >= 500 else None


def token_error_in_200(evidence: Evidence) -> str | None:
    response = _token(evidence)
    return "200 for an unknown client with an unknown refresh token" if response is not None and response.ok else None


def token_error_not_json(evidence: Evidence) -> str | None:
    response = _token(evidence)
    if response is None or not 400 <= response.status < 500 or response.status in {404, 405, 415, 422}:
        return None
    document = response.document
    if document is not None and isinstance(document.get("error"), str):
        return None
    return f"{response.status} {response.media_type or 'no media type'}, no error member"


def unknown_client_not_invalid_client(evidence: Evidence) -> str | None:
    response = _token(evidence)
    if response is None or response.document is None or response.status not in {400, 401, 403}:
        return None
    error = response.document.get("error")
    if not isinstance(error, str) or (error == "invalid_client" and response.status == 401):
        return None
    return f"{response.status} {error[:60]} for an unknown client"


def token_error_cacheable(evidence: Evidence) -> str | None:
    response = _token(evidence)
    if response is None or response.status not in {200, 400, 401}:
        return None
    control = response.header("Cache-Control") or ""
    return None if "no-store" in control.lower() else f"Cache-Control is {control or 'absent'}"


def token_endpoint_not_at_resource(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("token at resource")
    if response is None or (
        response.document is not None
        and isinstance(response.document.get("error"), str)
        and response.status not in {404, 405}
    ):
        return None
    return response.summary()


def authorize_open_redirect(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("authorize")
    if response is None or not response.is_redirect or split(response.location).hostname != _UNREGISTERED_HOST:
        return None
    return "the request of an unknown client was redirected to its redirect_uri"


def authorize_unknown_client_not_html(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("authorize")
    if response is None or response.failure is not None or not 400 <= response.status < 500:
        return None
    if response.status in {404, 405} or response.is_html_page:
        return None
    return f"{response.status} {response.media_type or 'no media type'} for an unknown client"


def authorize_server_error(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("authorize")
    return f"{response.status} for an unknown client" if response is not None and response.status >= 500 else None


def authorize_endpoint_unreachable(evidence: Evidence) -> str | None:
    response = evidence.oauth_endpoints.get("authorize")
    if response is None or (response.failure is None and response.status not in {404, 405}):
        return None
    return response.summary()
