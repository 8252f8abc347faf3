"""Rules for the first response of the MCP endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.evidence import strings

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

_OPENING_METHODS = ("initialize", "tools/list")


def _opening_responses(evidence: Evidence) -> dict[str, HttpExchange]:
    return {name: evidence.mcp[name] for name in _OPENING_METHODS if name in evidence.mcp}


def challenge_is_sign_in_page(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None:
        return None
    if response.is_redirect and response.redirects_to_sign_in:
        return f"{response.status} to {response.redirect_target}"
    if response.ok and response.is_html_page:
        return "200 with an HTML page"
    return None


def challenge_wrong_status(evidence: Evidence) -> str | None:
    response = evidence.unauthenticated_response
    if response is None or response.failure or response.ok or response.is_redirect or response.status in {401, 421}:
        return None
    if (response.status == 403 and evidence.accepts_with_origin) or _handshake_open(evidence):
        return None
    if response.status >= 500 or response.status in {404, 429}:
        return None
    return f"{response.status} for a request without a token"


def token_not_required(evidence: Evidence) -> str | None:
    openers = _opening_responses(evidence)
    if not openers or not all(e.ok for e in openers.values()) or _unauthorized_in_200(evidence):
        return None
    if any(e.is_html_page for e in openers.values()) or evidence.prm is None or _declares_security_schemes(evidence):
        return None
    return "initialize and tools/list both returned 200 without a token"


def server_open(evidence: Evidence) -> str | None:
    openers = _opening_responses(evidence)
    if (
        not openers
        or not all(e.ok for e in openers.values())
        or evidence.prm is not None
        or _unauthorized_in_200(evidence)
    ):
        return None
    if any(e.is_html_page for e in openers.values()):
        return None
    return "initialize and tools/list returned 200 without a token, and there is no protected resource metadata"


def challenge_only_later(evidence: Evidence) -> str | None:
    first, later = evidence.mcp.get("initialize"), evidence.mcp.get("tools/list")
    if first is None or later is None or not first.ok or later.status not in {401, 403}:
        return None
    return f"initialize returned 200, tools/list {later.status}"


def challenge_in_200(evidence: Evidence) -> str | None:
    return _unauthorized_in_200(evidence)


def unknown_token_accepted(evidence: Evidence) -> str | None:
    response, without = evidence.mcp.get("invalid token"), evidence.unauthenticated_response
    if response is None or without is None or not response.ok or without.ok:
        return None
    return "200 for an unknown token; without a token " + str(without.status)


def unknown_token_wrong_status(evidence: Evidence) -> str | None:
    response, without = evidence.mcp.get("invalid token"), evidence.unauthenticated_response
    if response is None or without is None or without.status != 401 or response.failure:
        return None
    if response.ok or response.status == 401 or response.status >= 500:
        return None
    return f"{response.status} for an unknown token"


def discover_without_current_version(evidence: Evidence) -> str | None:
    response = evidence.mcp.get("server/discover")
    document = response.document if response is not None and response.ok else None
    result = (document or {}).get("result")
    if not isinstance(result, dict):
        return None
    versions = strings(result.get("supportedVersions"))
    if any(v >= "2026-07-28" for v in versions):
        return None
    return f"supportedVersions {list(versions)}"


def _handshake_open(evidence: Evidence) -> bool:
    """Whether initialize needs no token; challenge-only-later then covers refused later calls."""
    opening = evidence.mcp.get("initialize")
    return opening is not None and opening.ok


def _declares_security_schemes(evidence: Evidence) -> bool:
    """Whether a tool declares securitySchemes, so that mixed access is intended (docs/interop.md R7)."""
    response = evidence.mcp.get("tools/list")
    result = (response.document or {}).get("result") if response is not None else None
    tools = result.get("tools") if isinstance(result, dict) else None
    if not isinstance(tools, list):
        return False
    return any(
        isinstance(tool, dict) and ("securitySchemes" in tool or "securitySchemes" in str(tool.get("_meta")))
        for tool in tools
    )


def _unauthorized_in_200(evidence: Evidence) -> str | None:
    for name, response in _opening_responses(evidence).items():
        if not response.ok or response.is_html_page:
            continue
        if response.header("WWW-Authenticate"):
            return f"{name} returned 200 with a WWW-Authenticate header"
        document = response.document or {}
        error, result = document.get("error"), document.get("result")
        words = ("unauthorized", "unauthenticated", "authentication required", "not authorized", "log in", "login")
        message = error.get("message") if isinstance(error, dict) else document.get("message")
        if isinstance(result, dict) and result.get("isError"):
            message = str(result.get("content"))
        if isinstance(message, str) and any(word in message.lower() for word in words):
            return f"{name} returned 200 with the error {message[:80]!r}"
    return None
