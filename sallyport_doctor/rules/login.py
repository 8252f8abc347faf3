"""Rules for the sign-in up to the token response."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.login_evidence import LoginEvidence, TokenResponse


def _exchange(evidence: Evidence) -> TokenResponse | None:
    """The token response to the code, if it has tokens."""
    exchange = evidence.login.code_exchange if evidence.login is not None else None
    return exchange if exchange is not None and exchange.ok else None


def login_needs_client(evidence: Evidence) -> str | None:
    return (evidence.login.skipped or None) if evidence.login is not None else None


def login_impossible(evidence: Evidence) -> str | None:
    login = evidence.login
    if login is None or login.callback_received or login.timed_out or not login.failure:
        return None
    return login.failure


def login_timed_out(evidence: Evidence) -> str | None:
    login = evidence.login
    if login is None or not login.timed_out:
        return None
    policy = f"; the policy of its first page has form-action {login.form_action}" if _may_block(login) else ""
    return f"{login.failure}{policy}"


def login_refused(evidence: Evidence) -> str | None:
    login = evidence.login
    return login.failure if login is not None and login.callback_received and login.code_exchange is None else None


def login_state_changed(evidence: Evidence) -> str | None:
    login = evidence.login
    return (
        "state was not returned as sent"
        if login is not None and login.callback_received and not login.state_returned
        else None
    )


def login_iss_missing(evidence: Evidence) -> str | None:
    login, metadata = evidence.login, evidence.metadata or {}
    if login is None or not login.callback_received or login.callback_iss is not None:
        return None
    if metadata.get("authorization_response_iss_parameter_supported") is not True:
        return None
    return "no iss, although the metadata advertises it"


def login_iss_differs(evidence: Evidence) -> str | None:
    login = evidence.login
    issuer = (evidence.metadata or {}).get("issuer")
    if login is None or login.callback_iss is None or not isinstance(issuer, str) or login.callback_iss == issuer:
        return None
    return f"{login.callback_iss!r:.200} instead of {issuer!r:.200}"


def exchange_refused(evidence: Evidence) -> str | None:
    exchange = evidence.login.code_exchange if evidence.login is not None else None
    return str(exchange) if exchange is not None and not exchange.ok else None


def token_response_cacheable(evidence: Evidence) -> str | None:
    exchange = _exchange(evidence)
    if exchange is None or "no-store" in exchange.cache_control:
        return None
    return f"Cache-Control is {exchange.cache_control or 'absent'}"


def expires_in_missing(evidence: Evidence) -> str | None:
    exchange = _exchange(evidence)
    return "no expires_in" if exchange is not None and exchange.expires_in is None else None


def granted_scope_missing(evidence: Evidence) -> str | None:
    exchange = _exchange(evidence)
    return "no scope in the token response" if exchange is not None and "scope" not in exchange.members else None


def refresh_token_missing(evidence: Evidence) -> str | None:
    exchange = _exchange(evidence)
    return "no refresh_token" if exchange is not None and "refresh_token" not in exchange.members else None


def _may_block(login: LoginEvidence) -> bool:
    """Whether the first page has a policy with which a browser may refuse a redirect to the client after its form."""
    sources = login.form_action.split()
    return bool(sources) and not any(s in {"*", "http:"} or s.startswith("http://127.0.0.1") for s in sources)
