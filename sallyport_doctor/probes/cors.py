"""The questions of a browser client: preflights, and answers to a page of another origin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.probes.endpoint import BROWSER_ORIGIN
from sallyport_doctor.probes.wire import initialize, old_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

ASKED_HEADERS: Final = (
    "authorization",
    "content-type",
    "accept",
    "mcp-protocol-version",
    "mcp-method",
    "mcp-name",
    "mcp-session-id",
    "last-event-id",
)
"""What browser clients send to the endpoint (reference: R9)."""


def _preflight(method: str, headers: tuple[str, ...]) -> dict[str, str]:
    return {
        "Origin": BROWSER_ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(headers),
    }


async def ask_cors(
    asker: Asker,
    url: str,
    *,
    documents: Mapping[str, str],
    metadata: Mapping[str, Any],
) -> dict[str, Exchange]:
    """Ask as the Inspector's page does. `documents` are the addresses of metadata that were found."""
    page = {"Origin": BROWSER_ORIGIN}
    seen = {
        "preflight": await asker.ask("OPTIONS", url, headers=_preflight("POST", ASKED_HEADERS)),
        "endpoint": await asker.ask("POST", url, headers={**old_headers(), **page}, json=initialize()),
    }
    for name, address in documents.items():
        seen[name] = await asker.get(address, headers=page)
    for name in ("token_endpoint", "registration_endpoint"):
        if is_absolute(metadata.get(name)):
            headers = _preflight("POST", ("content-type",))
            seen[name] = await asker.ask("OPTIONS", metadata[name], headers=headers)
    return seen
