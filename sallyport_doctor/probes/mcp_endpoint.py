"""The MCP endpoint without a credential and with an invalid token, and other URLs where there may be one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute, origin_of, path_of
from sallyport_doctor.mcp_requests import (
    BROWSER_ORIGIN,
    current_headers,
    current_request,
    initialize,
    legacy_headers,
    legacy_request,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

INVALID_TOKEN: Final = "not-a-token-sallyport-doctor"
USUAL_PATH: Final = "/mcp"


async def probe_mcp_endpoint(http: HttpProbe, url: str) -> dict[str, HttpExchange]:
    """Send the opening requests of both protocol revisions. They change nothing on the server."""
    opening = await http.request("POST", url, headers=legacy_headers(), json=initialize())
    # A server without protection may require its session id; the session is deleted below.
    session = opening.header("Mcp-Session-Id")
    headers = legacy_headers(initialized=True) | ({"Mcp-Session-Id": session} if session else {})
    if session:
        notification = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await http.request("POST", url, headers=headers, json=notification)
    listing = legacy_request("tools/list")
    with_token = {**headers, "Authorization": f"Bearer {INVALID_TOKEN}"}
    exchanges = {
        "tools/list": await http.request("POST", url, headers=headers, json=listing),
        "initialize": opening,
        "server/discover": await http.request(
            "POST", url, headers=current_headers("server/discover"), json=current_request("server/discover")
        ),
        "invalid token": await http.request("POST", url, headers=with_token, json=listing),
    }
    if path_of(url):
        other = url.rstrip("/") if url.endswith("/") else f"{url}/"
        exchanges["slash variant"] = await http.request("POST", other, headers=headers, json=listing)
    if exchanges["tools/list"].status == 403:
        exchanges["with origin"] = await http.request(
            "POST", url, headers={**headers, "Origin": BROWSER_ORIGIN}, json=listing
        )
    if session:
        await http.request("DELETE", url, headers=headers)
    return exchanges


async def probe_other_urls(http: HttpProbe, url: str, prm: Mapping[str, Any] | None) -> dict[str, HttpExchange]:
    """POST initialize to the URL that the metadata names and to the usual path, unless it is the entered one."""
    named = (prm or {}).get("resource")
    candidates = {"metadata": named, "usual": f"{origin_of(url)}{USUAL_PATH}"}
    exchanges: dict[str, HttpExchange] = {}
    for name, candidate in candidates.items():
        if not is_absolute(candidate) or candidate == url or candidate in {e.url for e in exchanges.values()}:
            continue
        response = await http.request("POST", candidate, headers=legacy_headers(), json=initialize())
        session = response.header("Mcp-Session-Id")
        if session:
            await http.request("DELETE", candidate, headers={**legacy_headers(), "Mcp-Session-Id": session})
        exchanges[name] = response
    return exchanges
