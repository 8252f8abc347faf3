"""What the MCP endpoint answers to a caller without a credential, and to one with a worthless one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import path_of
from sallyport_doctor.probes.wire import initialize, new_headers, new_request, old_headers, old_request

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

WORTHLESS_TOKEN: Final = "not-a-token-sallyport-doctor"
BROWSER_ORIGIN: Final = "http://localhost:6274"
"""Where the MCP Inspector's page lives: the browser client that most people have."""


async def ask_endpoint(asker: Asker, url: str) -> dict[str, Exchange]:
    """Put the opening questions of both wires, without changing anything on the server."""
    opening = await asker.ask("POST", url, headers=old_headers(), json=initialize())
    # An open server of the older wire wants its session named; it is ended again below.
    session = opening.header("Mcp-Session-Id")
    headers = old_headers(initialized=True) | ({"Mcp-Session-Id": session} if session else {})
    if session:
        notice = {"jsonrpc": "2.0", "method": "notifications/initialized"}
        await asker.ask("POST", url, headers=headers, json=notice)
    listing = old_request("tools/list")
    worthless = {**headers, "Authorization": f"Bearer {WORTHLESS_TOKEN}"}
    seen = {
        "tools/list": await asker.ask("POST", url, headers=headers, json=listing),
        "initialize": opening,
        "server/discover": await asker.ask(
            "POST", url, headers=new_headers("server/discover"), json=new_request("server/discover")
        ),
        "worthless token": await asker.ask("POST", url, headers=worthless, json=listing),
    }
    if path_of(url):
        other = url.rstrip("/") if url.endswith("/") else f"{url}/"
        seen["other slash"] = await asker.ask("POST", other, headers=headers, json=listing)
    if seen["tools/list"].status == 403:
        seen["with origin"] = await asker.ask("POST", url, headers={**headers, "Origin": BROWSER_ORIGIN}, json=listing)
    if session:
        await asker.ask("DELETE", url, headers=headers)
    return seen
