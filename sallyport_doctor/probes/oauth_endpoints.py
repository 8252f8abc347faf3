"""Requests of an unknown client to the token and authorization endpoints. They change nothing on the server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sallyport_doctor.addresses import is_absolute, origin_of, split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

UNKNOWN_CLIENT: Final = "sallyport-doctor-unknown-client"
UNREGISTERED_REDIRECT: Final = "https://doctor.invalid/callback"
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""A well-formed S256 challenge (the example of RFC 7636 appendix B)."""


def with_query(address: str, parameters: list[tuple[str, str]]) -> str:
    """An endpoint URL with parameters added to its query."""
    return f"{address}{'&' if split(address).query else '?'}{urlencode(parameters)}"


async def probe_oauth_endpoints(
    http: HttpProbe, metadata: Mapping[str, Any], *, resource: str
) -> dict[str, HttpExchange]:
    """Send a refresh and an authorization request with an unknown client_id.

    The refresh is sent to /token of the resource's origin too, where some clients send it (interop.md F21).
    """
    exchanges: dict[str, HttpExchange] = {}
    if is_absolute(metadata.get("token_endpoint")):
        form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", secrets.token_urlsafe(32)),
            ("client_id", UNKNOWN_CLIENT),
            ("resource", resource),
        ]
        exchanges["token"] = await http.request("POST", metadata["token_endpoint"], form=form)
        at_resource = f"{origin_of(resource)}/token"
        if metadata["token_endpoint"] != at_resource:
            exchanges["token at resource"] = await http.request("POST", at_resource, form=form)
    if is_absolute(metadata.get("authorization_endpoint")):
        query = [
            ("response_type", "code"),
            ("client_id", UNKNOWN_CLIENT),
            ("redirect_uri", UNREGISTERED_REDIRECT),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", secrets.token_urlsafe(16)),
            ("resource", resource),
        ]
        exchanges["authorize"] = await http.request("GET", with_query(metadata["authorization_endpoint"], query))
    return exchanges
