"""MCP calls with a token, in both protocol revisions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.jose import base64url_encode, compact_parts
from sallyport_doctor.login.step_up import call_tool_beyond, find_tool_beyond
from sallyport_doctor.mcp_requests import (
    UNKNOWN_METHOD,
    current_headers,
    current_request,
    initialize,
    legacy_headers,
    legacy_request,
)

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe
    from sallyport_doctor.login_evidence import StepUpEvidence


async def call_both_revisions(
    http: HttpProbe, url: str, access_token: str, *, granted: tuple[str, ...]
) -> tuple[dict[str, HttpExchange], StepUpEvidence | None]:
    """Call server/discover, tools/list and an unknown method; then initialize and tools/list of a legacy revision.

    Also calls a tool that declares scopes beyond `granted`, if there is one, and tools/list with forged tokens.
    """
    bearer = {"Authorization": f"Bearer {access_token}"}
    exchanges = {
        name: await http.request("POST", url, headers={**current_headers(name), **bearer}, json=current_request(name))
        for name in ("server/discover", "tools/list", UNKNOWN_METHOD)
    }
    opening = await http.request("POST", url, headers={**legacy_headers(), **bearer}, json=initialize())
    exchanges["initialize"] = opening
    headers = {**legacy_headers(initialized=True), **bearer}
    session = opening.header("Mcp-Session-Id")
    if session:
        headers["Mcp-Session-Id"] = session
        notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.request("POST", url, headers=headers, json=notification)
    exchanges["legacy tools/list"] = await http.request("POST", url, headers=headers, json=legacy_request("tools/list"))
    step_up = await _step_up(http, url, exchanges, granted, bearer=bearer, legacy=headers)
    if session:
        await http.request("DELETE", url, headers=headers)
    for name, forged in forgeries(access_token).items():
        headers = {**legacy_headers(initialized=True), "Authorization": f"Bearer {forged}"}
        exchanges[name] = await http.request("POST", url, headers=headers, json=legacy_request("tools/list"))
    return exchanges, step_up


async def _step_up(
    http: HttpProbe,
    url: str,
    exchanges: dict[str, HttpExchange],
    granted: tuple[str, ...],
    *,
    bearer: dict[str, str],
    legacy: dict[str, str],
) -> StepUpEvidence | None:
    """Use the revision that listed the tools; `legacy` are the headers of the open legacy session."""
    tool = find_tool_beyond(exchanges["tools/list"], granted)
    if tool is not None:
        headers = {**current_headers("tools/call"), "Mcp-Name": tool.name, **bearer}
        return await call_tool_beyond(http, url, tool, granted, headers=headers, request=current_request)
    tool = find_tool_beyond(exchanges["legacy tools/list"], granted)
    if tool is not None:
        return await call_tool_beyond(http, url, tool, granted, headers=legacy, request=legacy_request)
    return None


def forgeries(access_token: str) -> dict[str, str]:
    """The token with a changed signature, and with alg none and no signature. Empty for a token that is not a JWT."""
    parts = compact_parts(access_token)
    if parts is None or len(parts[2]) < 8:
        return {}
    header, payload, signature = parts
    middle = len(signature) // 2
    changed = "A" if signature[middle] != "A" else "B"
    tampered = f"{header}.{payload}.{signature[:middle]}{changed}{signature[middle + 1 :]}"
    unsigned_header = base64url_encode(b'{"alg":"none","typ":"at+jwt"}')
    return {"tampered": tampered, "unsigned": f"{unsigned_header}.{payload}."}
