"""How a sign-in went, up to its tokens (reference: A3, A8 to A10, A13, F6, F9, F11, F17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sallyport_doctor.login.seen import LoginSeen, TokenAnswerSeen
    from sallyport_doctor.observation import Observation


def _exchange(seen: Observation) -> TokenAnswerSeen | None:
    """The answer to the code, when tokens came."""
    exchange = seen.login.exchange if seen.login is not None else None
    return exchange if exchange is not None and exchange.ok else None


def login_needs_client(seen: Observation) -> str | None:
    """The doctor was told to sign in and has no identity here."""
    return (seen.login.not_tried or None) if seen.login is not None else None


def login_impossible(seen: Observation) -> str | None:
    """The flow could not begin."""
    login = seen.login
    if login is None or login.answered or not login.failed_at or "answer came" in login.failed_at:
        return None
    return login.failed_at


def consent_blocked_by_policy(seen: Observation) -> str | None:
    """F6: no answer came, and the page's policy forbids what would bring it."""
    login = seen.login
    return f"form-action {login.form_action}" if login is not None and _silent(login) and _blocks(login) else None


def login_not_answered(seen: Observation) -> str | None:
    """Nobody came back."""
    login = seen.login
    return login.failed_at if login is not None and _silent(login) and not _blocks(login) else None


def login_refused(seen: Observation) -> str | None:
    """The answer was an error."""
    login = seen.login
    return login.failed_at if login is not None and login.answered and login.exchange is None else None


def login_state_lost(seen: Observation) -> str | None:
    """RFC 6749 section 4.1.2: state comes back as it was sent."""
    login = seen.login
    return (
        "state was not returned as sent" if login is not None and login.answered and not login.state_returned else None
    )


def login_iss_missing(seen: Observation) -> str | None:
    """F17: advertised and not sent."""
    login, metadata = seen.login, seen.metadata or {}
    if login is None or not login.answered or login.callback_iss is not None:
        return None
    if metadata.get("authorization_response_iss_parameter_supported") is not True:
        return None
    return "the answer has no iss although metadata promises one"


def login_iss_differs(seen: Observation) -> str | None:
    """RFC 9207 section 2.4: compared byte by byte."""
    login = seen.login
    issuer = (seen.metadata or {}).get("issuer")
    if login is None or login.callback_iss is None or not isinstance(issuer, str) or login.callback_iss == issuer:
        return None
    return f"{login.callback_iss!r:.200} instead of {issuer!r:.200}"


def exchange_refused(seen: Observation) -> str | None:
    """The code is not taken."""
    exchange = seen.login.exchange if seen.login is not None else None
    return str(exchange) if exchange is not None and not exchange.ok else None


def exchange_answer_cacheable(seen: Observation) -> str | None:
    """A13: tokens may be kept by something in between."""
    exchange = _exchange(seen)
    if exchange is None or "no-store" in exchange.cache_control:
        return None
    return f"Cache-Control is {exchange.cache_control or 'absent'}"


def expires_in_missing(seen: Observation) -> str | None:
    """F9: the client can't tell when to refresh."""
    exchange = _exchange(seen)
    return "no expires_in" if exchange is not None and exchange.expires_in is None else None


def granted_scope_missing(seen: Observation) -> str | None:
    """A9: the client can't tell what it got."""
    exchange = _exchange(seen)
    return "no scope in the token response" if exchange is not None and "scope" not in exchange.members else None


def refresh_token_missing(seen: Observation) -> str | None:
    """F9: the connection ends with the first access token."""
    exchange = _exchange(seen)
    return "no refresh_token" if exchange is not None and "refresh_token" not in exchange.members else None


def _silent(login: LoginSeen) -> bool:
    return not login.answered and "answer came" in login.failed_at


def _blocks(login: LoginSeen) -> bool:
    sources = login.form_action.split()
    return bool(sources) and not any(s in {"*", "http:"} or s.startswith("http://127.0.0.1") for s in sources)
