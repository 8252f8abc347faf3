"""CORS: preflights, and requests with the Origin of a browser client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.mcp_requests import BROWSER_HEADERS, BROWSER_ORIGIN, initialize, legacy_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe


def _preflight(method: str, headers: tuple[str, ...]) -> dict[str, str]:
    return {
        "Origin": BROWSER_ORIGIN,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": ", ".join(headers),
    }


async def probe_cors(
    http: HttpProbe,
    url: str,
    *,
    documents: Mapping[str, str],
    metadata: Mapping[str, Any],
) -> dict[str, HttpExchange]:
    """Send the requests of the MCP Inspector. `documents` are the URLs of the existing metadata documents."""
    origin = {"Origin": BROWSER_ORIGIN}
    exchanges = {
        "preflight": await http.request("OPTIONS", url, headers=_preflight("POST", BROWSER_HEADERS)),
        "endpoint": await http.request("POST", url, headers={**legacy_headers(), **origin}, json=initialize()),
    }
    for name, address in documents.items():
        exchanges[name] = await http.get(address, headers=origin)
    for name in ("token_endpoint", "registration_endpoint"):
        if is_absolute(metadata.get(name)):
            headers = _preflight("POST", ("content-type",))
            exchanges[name] = await http.request("OPTIONS", metadata[name], headers=headers)
    return exchanges
