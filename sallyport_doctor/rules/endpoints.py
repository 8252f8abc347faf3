"""What a stranger gets at the token and authorization endpoints (reference: A12, A13, A18, F11, F20)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import split

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

_STRANGERS_HOST = "doctor.invalid"


def _token(seen: Observation) -> Exchange | None:
    answer = seen.endpoints.get("token")
    return answer if answer is not None and answer.failure is None else None


def token_endpoint_unreachable(seen: Observation) -> str | None:
    """The token endpoint is not there."""
    answer = seen.endpoints.get("token")
    if answer is None or (answer.failure is None and answer.status not in {404, 405}):
        return None
    return answer.summary()


def token_endpoint_json_only(seen: Observation) -> str | None:
    """F11: a form is refused because it is a form."""
    answer = _token(seen)
    if answer is None or answer.status not in {415, 422}:
        return None
    return f"{answer.status} for application/x-www-form-urlencoded"


def token_endpoint_server_error(seen: Observation) -> str | None:
    """F11: an unknown client breaks it."""
    answer = _token(seen)
    return f"{answer.status} for an unknown client" if answer is not None and answer.status >= 500 else None


def token_error_in_200(seen: Observation) -> str | None:
    """F11: a refusal that looks like success."""
    answer = _token(seen)
    return "200 for an unknown client and a made-up refresh token" if answer is not None and answer.ok else None


def token_error_not_json(seen: Observation) -> str | None:
    """F11: a refusal that programs cannot read."""
    answer = _token(seen)
    if answer is None or not 400 <= answer.status < 500 or answer.status in {404, 405, 415, 422}:
        return None
    document = answer.document
    if document is not None and isinstance(document.get("error"), str):
        return None
    return f"{answer.status} {answer.media_type or 'without a media type'}, no member named error"


def token_unknown_client_answer(seen: Observation) -> str | None:
    """A12: an unknown client is told apart, so that clients register again."""
    answer = _token(seen)
    if answer is None or answer.document is None or answer.status not in {400, 401, 403}:
        return None
    error = answer.document.get("error")
    if not isinstance(error, str) or (error == "invalid_client" and answer.status == 401):
        return None
    return f"{answer.status} {error[:60]} for an unknown client"


def token_answer_cacheable(seen: Observation) -> str | None:
    """A13: the answers of the token endpoint may be kept."""
    answer = _token(seen)
    if answer is None or answer.status not in {200, 400, 401}:
        return None
    control = answer.header("Cache-Control") or ""
    return None if "no-store" in control.lower() else f"Cache-Control is {control or 'absent'}"


def authorize_open_redirect(seen: Observation) -> str | None:
    """F20: anyone can have people sent anywhere."""
    answer = seen.endpoints.get("authorize")
    if answer is None or not answer.is_redirect or split(answer.location).hostname != _STRANGERS_HOST:
        return None
    return "an unknown client's request was redirected to that client's own address"


def authorize_unknown_client_silent(seen: Observation) -> str | None:
    """A18: a person whose client was forgotten must be able to read what to do."""
    answer = seen.endpoints.get("authorize")
    if answer is None or answer.failure is not None or not 400 <= answer.status < 500:
        return None
    if answer.status in {404, 405} or answer.looks_like_page:
        return None
    return f"{answer.status} {answer.media_type or 'without a media type'} for an unknown client"


def authorize_server_error(seen: Observation) -> str | None:
    """F8, F11: an unknown client breaks it."""
    answer = seen.endpoints.get("authorize")
    return f"{answer.status} for an unknown client" if answer is not None and answer.status >= 500 else None


def authorize_endpoint_unreachable(seen: Observation) -> str | None:
    """The authorization endpoint is not there."""
    answer = seen.endpoints.get("authorize")
    if answer is None or (answer.failure is None and answer.status not in {404, 405}):
        return None
    return answer.summary()
