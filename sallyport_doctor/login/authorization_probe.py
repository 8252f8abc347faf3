"""Variants of the authorization request, as real clients send them. Only the first response counts: no sign-in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import with_query
from sallyport_doctor.authorization import (
    LOOPBACK,
    OTHER_PORT,
    UNREGISTERED_REDIRECT,
    AuthorizationRequest,
    is_refusal,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

FOREIGN_RESOURCE: Final = "https://doctor.invalid/mcp"


async def probe_authorization_variants(
    http: HttpProbe, endpoint: str, *, client_id: str, resource: str, scope: str, offline_access: bool
) -> dict[str, HttpExchange]:
    """GET the authorization endpoint once per variant."""
    base = AuthorizationRequest(client_id, LOOPBACK, resource, scope).parameters

    async def send(without: tuple[str, ...] = (), twice: str = "", **changes: str) -> HttpExchange:
        merged = base | changes
        pairs = [(name, value) for name, value in merged.items() if name not in without]
        pairs += [(twice, merged[twice])] if twice else []
        return await http.request("GET", with_query(endpoint, pairs))

    exchanges = {"baseline": await send()}
    page = exchanges["baseline"]
    if page.is_redirect and not is_refusal(page):
        exchanges["page"] = await http.follow_as_browser(page)
    exchanges |= {
        "other port": await send(redirect_uri=OTHER_PORT),
        "other redirect": await send(redirect_uri=UNREGISTERED_REDIRECT),
        "without PKCE": await send(without=("code_challenge", "code_challenge_method")),
        "without resource": await send(without=("resource",)),
        "resource twice": await send(twice="resource"),
        "foreign resource": await send(resource=FOREIGN_RESOURCE),
        "without state": await send(without=("state",)),
    }
    if scope:
        exchanges["without scope"] = await send(without=("scope",))
    if scope and offline_access:
        exchanges["offline access"] = await send(scope=f"{scope} offline_access")
    return exchanges


async def probe_client_documents(
    http: HttpProbe, endpoint: str, documents: Mapping[str, tuple[str, str]], *, resource: str, scope: str
) -> dict[str, HttpExchange]:
    """GET the authorization endpoint once per client; `documents` maps its name to client_id and redirect URI.

    The redirect URIs belong to the vendors, so no response reaches the doctor. The result shows whether the server
    fetches and accepts the document; bot checks, size limits and unsupported members make it fail.
    """
    exchanges = {}
    for name, (client_id, redirect_uri) in documents.items():
        request = AuthorizationRequest(client_id, redirect_uri, resource, scope)
        exchanges[name] = await http.request("GET", request.url(endpoint))
    return exchanges
