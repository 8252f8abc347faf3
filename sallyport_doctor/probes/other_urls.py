"""Where the endpoint may be instead, when the entered URL has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute, origin_of
from sallyport_doctor.mcp_requests import initialize, legacy_headers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

USUAL_PATH: Final = "/mcp"


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
