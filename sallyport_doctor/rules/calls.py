"""Calls with a good token, and with forgeries of it, on both wires (reference: R7, R8, R11, F16, F19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.observation import Observation

_NEW = "2026-07-28"


def _call(seen: Observation, name: str) -> Exchange | None:
    return seen.login.calls.get(name) if seen.login is not None else None


def tools_list_refused(seen: Observation) -> str | None:
    """The endpoint does not take the token that its own authorization server gave."""
    answers = [_call(seen, name) for name in ("tools/list", "old tools/list", "initialize")]
    told = [answer for answer in answers if answer is not None]
    if not told or any(answer.ok for answer in told):
        return None
    return "; ".join(answer.summary() for answer in told)


def tampered_token_accepted(seen: Observation) -> str | None:
    """R8: the signature is not looked at."""
    hit = [name for name in ("tampered", "unsigned") if (answer := _call(seen, name)) is not None and answer.ok]
    return f"tools/list answered 200 to the token, {' and '.join(hit)}" if hit else None


def security_schemes_not_mirrored(seen: Observation) -> str | None:
    """R7: a tool says what it needs in one of the two places only."""
    answer = _call(seen, "tools/list") or seen.mcp.get("tools/list")
    result = (answer.document or {}).get("result") if answer is not None and answer.ok else None
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        meta = tool.get("_meta") if isinstance(tool, dict) else None
        mirrored = isinstance(meta, dict) and "securitySchemes" in meta
        if isinstance(tool, dict) and ("securitySchemes" in tool) is not mirrored:
            return f"tool {tool.get('name')!r:.60}"
    return None


def wire_old_missing(seen: Observation) -> str | None:
    """R11: clients of the older wire open with initialize."""
    new, old = _call(seen, "tools/list"), _call(seen, "initialize")
    if new is None or old is None or not _result(new) or _result(old):
        return None
    return old.summary()


def wire_new_missing(seen: Observation) -> str | None:
    """R11: clients of the newer wire are left to fall back."""
    new, old = _call(seen, "tools/list"), _call(seen, "initialize")
    if new is None or old is None or _result(new) or not _result(old):
        return None
    return new.summary()


def wire_versions_old_only(seen: Observation) -> str | None:
    """F19: discovery is answered to a signed-in caller, with old versions only."""
    answer = _call(seen, "server/discover")
    result = (answer.document or {}).get("result") if answer is not None and answer.ok else None
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    if not isinstance(versions, list) or any(isinstance(v, str) and v >= _NEW for v in versions):
        return None
    return f"supportedVersions {versions!r:.120}"


def unknown_method_unauthorized(seen: Observation) -> str | None:
    """R11, F19: an unknown method is not a matter of credentials."""
    if tools_list_refused(seen):
        return None
    for name in ("server/discover", "doctor/unknown"):
        answer = _call(seen, name)
        if answer is not None and answer.status in {401, 403}:
            return f"{answer.status} for {name} with a good token"
    return None


def _result(answer: Exchange) -> bool:
    return answer.ok and isinstance((answer.document or {}).get("result"), dict)
