"""Rules for CORS (Fetch standard)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.mcp_requests import BROWSER_HEADERS, BROWSER_ORIGIN

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange


def _readable(response: HttpExchange) -> bool:
    return response.header("Access-Control-Allow-Origin") in {"*", BROWSER_ORIGIN}


def _listed(response: HttpExchange, header: str) -> set[str]:
    return {v.strip().lower() for v in (response.header(header) or "").split(",") if v.strip()}


def origin_refused(evidence: Evidence) -> str | None:
    response, without = evidence.cors.get("endpoint"), evidence.mcp.get("initialize")
    if response is None or without is None or response.status != 403 or without.status == 403:
        return None
    return f"403 for Origin {BROWSER_ORIGIN}"


def cors_preflight_refused(evidence: Evidence) -> str | None:
    response = evidence.cors.get("preflight")
    if response is None or response.failure is not None or origin_refused(evidence):
        return None
    return response.summary() if not 200 <= response.status < 300 or not _readable(response) else None


def cors_headers_missing(evidence: Evidence) -> str | None:
    response = evidence.cors.get("preflight")
    if response is None or cors_preflight_refused(evidence) or origin_refused(evidence) or response.failure is not None:
        return None
    allowed = _listed(response, "Access-Control-Allow-Headers")
    # The wildcard does not cover Authorization (Fetch standard).
    missing = [h for h in BROWSER_HEADERS if h not in allowed and ("*" not in allowed or h == "authorization")]
    return ", ".join(missing) or None


def cors_response_unreadable(evidence: Evidence) -> str | None:
    response = evidence.cors.get("endpoint")
    if response is None or response.failure is not None or origin_refused(evidence) or cors_preflight_refused(evidence):
        return None
    return None if _readable(response) else f"{response.status} without Access-Control-Allow-Origin"


def cors_challenge_hidden(evidence: Evidence) -> str | None:
    response = evidence.cors.get("endpoint")
    if response is None or response.status != 401 or not _readable(response) or not response.header("WWW-Authenticate"):
        return None
    exposed = _listed(response, "Access-Control-Expose-Headers")
    return None if exposed & {"www-authenticate", "*"} else f"exposed: {', '.join(sorted(exposed)) or 'none'}"


def cors_metadata_unreadable(evidence: Evidence) -> str | None:
    names = ("resource metadata", "server metadata")
    hidden = [n for n in names if n in evidence.cors and evidence.cors[n].ok and not _readable(evidence.cors[n])]
    return ", ".join(hidden) or None


def cors_oauth_endpoints_blocked(evidence: Evidence) -> str | None:
    names = ("token_endpoint", "registration_endpoint")
    closed = [
        n for n in names if n in evidence.cors and evidence.cors[n].failure is None and not _passes(evidence.cors[n])
    ]
    return ", ".join(closed) or None


def cors_credentials_allowed(evidence: Evidence) -> str | None:
    credentialed = [
        name
        for name, response in evidence.cors.items()
        if (response.header("Access-Control-Allow-Credentials") or "").lower() == "true"
        and response.header("Access-Control-Allow-Origin") == BROWSER_ORIGIN
    ]
    return ", ".join(credentialed) or None


def _passes(response: HttpExchange) -> bool:
    allowed = _listed(response, "Access-Control-Allow-Headers")
    return 200 <= response.status < 300 and _readable(response) and bool(allowed & {"content-type", "*"})
