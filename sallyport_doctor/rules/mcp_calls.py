"""Rules for calls with a valid token and with forged tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.mcp_requests import UNKNOWN_METHOD

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.http_exchange import HttpExchange

_CURRENT = "2026-07-28"


def _call(evidence: Evidence, name: str) -> HttpExchange | None:
    return evidence.login.calls.get(name) if evidence.login is not None else None


def tools_list_refused(evidence: Evidence) -> str | None:
    responses = [_call(evidence, name) for name in ("tools/list", "legacy tools/list", "initialize")]
    received = [response for response in responses if response is not None]
    if not received or any(response.ok for response in received):
        return None
    return "; ".join(response.summary() for response in received)


def tampered_token_accepted(evidence: Evidence) -> str | None:
    accepted = [
        name for name in ("tampered", "unsigned") if (response := _call(evidence, name)) is not None and response.ok
    ]
    return f"tools/list returned 200 for the {' and the '.join(accepted)} token" if accepted else None


def security_schemes_not_mirrored(evidence: Evidence) -> str | None:
    response = _call(evidence, "tools/list") or evidence.mcp.get("tools/list")
    result = (response.document or {}).get("result") if response is not None and response.ok else None
    tools = result.get("tools") if isinstance(result, dict) else None
    for tool in tools if isinstance(tools, list) else ():
        meta = tool.get("_meta") if isinstance(tool, dict) else None
        mirrored = isinstance(meta, dict) and "securitySchemes" in meta
        if isinstance(tool, dict) and ("securitySchemes" in tool) is not mirrored:
            return f"tool {tool.get('name')!r:.60}"
    return None


def legacy_protocol_missing(evidence: Evidence) -> str | None:
    new, old = _call(evidence, "tools/list"), _call(evidence, "initialize")
    if new is None or old is None or not _result(new) or _result(old):
        return None
    return old.summary()


def current_protocol_missing(evidence: Evidence) -> str | None:
    new, old = _call(evidence, "tools/list"), _call(evidence, "initialize")
    if new is None or old is None or _result(new) or not _result(old):
        return None
    return new.summary()


def discover_without_current_version_signed_in(evidence: Evidence) -> str | None:
    response = _call(evidence, "server/discover")
    result = (response.document or {}).get("result") if response is not None and response.ok else None
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    if not isinstance(versions, list) or any(isinstance(v, str) and v >= _CURRENT for v in versions):
        return None
    return f"supportedVersions {versions!r:.120}"


def unknown_method_unauthorized(evidence: Evidence) -> str | None:
    if tools_list_refused(evidence):
        return None
    for name in ("server/discover", UNKNOWN_METHOD):
        response = _call(evidence, name)
        if response is not None and response.status in {401, 403}:
            return f"{response.status} for {name} with a valid token"
    return None


def _result(response: HttpExchange) -> bool:
    return response.ok and isinstance((response.document or {}).get("result"), dict)
