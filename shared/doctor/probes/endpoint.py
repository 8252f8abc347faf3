"""What the MCP endpoint answers to a caller without a credential, and to one with a worthless one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.doctor.addresses import path_of
from shared.doctor.probes.wire import initialize, new_headers, new_request, old_headers, old_request

if TYPE_CHECKING:
    from shared.doctor.asker import Asker
    from shared.doctor.exchange import Exchange

WORTHLESS_TOKEN: Final = "not-a-token-sallyport-doctor"
BROWSER_ORIGIN: Final = "http://localhost:6274"
"""Where the MCP Inspector's page lives: the browser client that most people have."""


async def ask_endpoint(asker: Asker, url: str) -> dict[str, Exchange]:
    """Put the opening questions of both wires, without changing anything on the server."""
    seen = {
        "tools/list": await asker.ask(
            "POST", url, headers=old_headers(initialized=True), json=old_request("tools/list")
        ),
        "initialize": await asker.ask("POST", url, headers=old_headers(), json=initialize()),
        "server/discover": await asker.ask(
            "POST", url, headers=new_headers("server/discover"), json=new_request("server/discover")
        ),
        "worthless token": await asker.ask(
            "POST",
            url,
            headers={**old_headers(initialized=True), "Authorization": f"Bearer {WORTHLESS_TOKEN}"},
            json=old_request("tools/list"),
        ),
    }
    if path_of(url):
        other = url.rstrip("/") if url.endswith("/") else f"{url}/"
        seen["other slash"] = await asker.ask("POST", other, headers=old_headers(), json=initialize())
    if seen["tools/list"].status == 403:
        headers = {**old_headers(initialized=True), "Origin": BROWSER_ORIGIN}
        seen["with origin"] = await asker.ask("POST", url, headers=headers, json=old_request("tools/list"))
    if seen["tools/list"].ok:
        seen["new tools/list"] = await asker.ask(
            "POST", url, headers=new_headers("tools/list"), json=new_request("tools/list")
        )
    return seen
