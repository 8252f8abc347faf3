"""Variants of the authorization request, as real clients send them. Only the first response counts: no sign-in."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sallyport_doctor.addresses import origin_of, split
from sallyport_doctor.login.registration_client import LOOPBACK
from sallyport_doctor.probes.oauth_endpoints import CHALLENGE, UNREGISTERED_REDIRECT, with_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

OTHER_PORT: Final = "http://127.0.0.1:49152/"
FOREIGN_RESOURCE: Final = "https://doctor.invalid/mcp"


def is_refusal(response: HttpExchange) -> bool:
    """Whether an authorization request was refused: an error page, or a redirect to the client with an error."""
    if response.is_redirect:
        return "error=" in split(response.location).query
    return response.failure is not None or response.status >= 400


def redirects_to(response: HttpExchange, url: str) -> bool:
    """Whether the response redirects to the host of the URL."""
    return response.is_redirect and split(response.location).hostname == split(url).hostname


def is_code_without_sign_in(response: HttpExchange) -> bool:
    """Whether the response redirects to the client with a code, although no user has signed in."""
    to_client = response.is_redirect and origin_of(response.location) == origin_of(LOOPBACK)
    return to_client and "code" in parse_qs(split(response.location).query)


async def probe_authorization_variants(
    http: HttpProbe, endpoint: str, *, client_id: str, resource: str, scope: str, offline_access: bool
) -> dict[str, HttpExchange]:
    """GET the authorization endpoint once per variant."""
    base = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": LOOPBACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "state": secrets.token_urlsafe(16),
        "resource": resource,
    } | ({"scope": scope} if scope else {})

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
        query = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", secrets.token_urlsafe(16)),
            ("resource", resource),
            *([("scope", scope)] if scope else []),
        ]
        exchanges[name] = await http.request("GET", with_query(endpoint, query))
    return exchanges
