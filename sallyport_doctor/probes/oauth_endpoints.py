"""Requests of an unknown client to the token and authorization endpoints. They change nothing on the server."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute, origin_of
from sallyport_doctor.authorization import UNREGISTERED_REDIRECT, AuthorizationRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

UNKNOWN_CLIENT: Final = "sallyport-doctor-unknown-client"


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
        request = AuthorizationRequest(UNKNOWN_CLIENT, UNREGISTERED_REDIRECT, resource)
        exchanges["authorize"] = await http.request("GET", request.url(metadata["authorization_endpoint"]))
    return exchanges
