"""The first answer: is a token demanded, with the right status, by everything (reference: R1, R8, F4, F19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

_OPENERS = ("initialize", "tools/list")


def _openers(seen: Observation) -> dict[str, Exchange]:
    return {name: seen.mcp[name] for name in _OPENERS if name in seen.mcp}


def challenge_is_sign_in_page(seen: Observation) -> str | None:
    """F4: a browser's sign-in page instead of a 401."""
    answer = seen.challenge_answer
    if answer is None:
        return None
    if answer.is_redirect and answer.leads_to_sign_in:
        return f"{answer.status} to {answer.leads_to}"
    if answer.ok and answer.looks_like_page:
        return "200 with an HTML page"
    return None


def challenge_wrong_status(seen: Observation) -> str | None:
    """F4: refused, but not with 401."""
    answer = seen.challenge_answer
    if answer is None or answer.failure or answer.ok or answer.is_redirect or answer.status in {401, 421}:
        return None
    if (answer.status == 403 and seen.origin_helps) or _open_at_first(seen):
        return None
    if answer.status >= 500 or answer.status in {404, 429}:
        return None
    return f"{answer.status} for a request without a token"


def token_not_demanded(seen: Observation) -> str | None:
    """F4: everything is open although metadata announces protection."""
    openers = _openers(seen)
    if not openers or not all(e.ok for e in openers.values()) or _says_unauthorized(seen):
        return None
    if any(e.looks_like_page for e in openers.values()) or seen.prm is None or _declares_security(seen):
        return None
    return "initialize and tools/list both answered 200 without a token"


def no_protection(seen: Observation) -> str | None:
    """Nothing asks for a token and nothing announces protection: an open server."""
    openers = _openers(seen)
    if not openers or not all(e.ok for e in openers.values()) or seen.prm is not None or _says_unauthorized(seen):
        return None
    if any(e.looks_like_page for e in openers.values()):
        return None
    return "initialize and tools/list answered 200 without a token, and there is no protected resource metadata"


def challenge_only_later(seen: Observation) -> str | None:
    """F4: the handshake is open and a later call is not; clients that decide at the handshake stay anonymous."""
    first, later = seen.mcp.get("initialize"), seen.mcp.get("tools/list")
    if first is None or later is None or not first.ok or later.status not in {401, 403}:
        return None
    return f"initialize answered 200, tools/list {later.status}"


def challenge_in_200(seen: Observation) -> str | None:
    """F4: the refusal is hidden in an answer with status 200."""
    return _says_unauthorized(seen)


def unknown_token_accepted(seen: Observation) -> str | None:
    """R8: a worthless token opens what is otherwise closed."""
    answer, without = seen.mcp.get("worthless token"), seen.challenge_answer
    if answer is None or without is None or not answer.ok or without.ok:
        return None
    return "a made-up token got 200 where no token got " + str(without.status)


def unknown_token_wrong_status(seen: Observation) -> str | None:
    """R1: a bad token gets something other than 401."""
    answer, without = seen.mcp.get("worthless token"), seen.challenge_answer
    if answer is None or without is None or without.status != 401 or answer.failure:
        return None
    if answer.ok or answer.status == 401 or answer.status >= 500:
        return None
    return f"{answer.status} for a made-up token"


def new_wire_versions(seen: Observation) -> str | None:
    """F19: server/discover is answered but names none of the versions that new clients speak."""
    answer = seen.mcp.get("server/discover")
    document = answer.document if answer is not None and answer.ok else None
    result = (document or {}).get("result")
    if not isinstance(result, dict):
        return None
    versions = strings(result.get("supportedVersions"))
    if any(v >= "2026-07-28" for v in versions):
        return None
    return f"supportedVersions {list(versions)}"


def _open_at_first(seen: Observation) -> bool:
    """Whether the handshake needs no token: what a later call is refused for is then no matter of this rule."""
    opening = seen.mcp.get("initialize")
    return opening is not None and opening.ok


def _declares_security(seen: Observation) -> bool:
    """Whether tools say themselves what they need: mixed access on purpose (R7)."""
    answer = seen.mcp.get("tools/list")
    result = (answer.document or {}).get("result") if answer is not None else None
    tools = result.get("tools") if isinstance(result, dict) else None
    if not isinstance(tools, list):
        return False
    return any(
        isinstance(tool, dict) and ("securitySchemes" in tool or "securitySchemes" in str(tool.get("_meta")))
        for tool in tools
    )


def _says_unauthorized(seen: Observation) -> str | None:
    for name, answer in _openers(seen).items():
        if not answer.ok or answer.looks_like_page:
            continue
        if answer.header("WWW-Authenticate"):
            return f"{name} answered 200 with a WWW-Authenticate header"
        document = answer.document or {}
        error, result = document.get("error"), document.get("result")
        words = ("unauthorized", "unauthenticated", "authentication required", "not authorized", "log in", "login")
        told = error.get("message") if isinstance(error, dict) else document.get("message")
        if isinstance(result, dict) and result.get("isError"):
            told = str(result.get("content"))
        if isinstance(told, str) and any(word in told.lower() for word in words):
            return f"{name} answered 200 with the error {told[:80]!r}"
    return None
