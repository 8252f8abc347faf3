"""Builds the forwarding, if it is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_service.forwarding.auth_service_client import AuthServiceClient
from mcp_service.forwarding.endpoints import ForwardingEndpoints
from shared.configured_url import is_loopback_host
from shared.ip_addresses import parse_networks

if TYPE_CHECKING:
    from mcp_service.runtime import Runtime


def wire_forwarding(runtime: Runtime) -> ForwardingEndpoints | None:
    """Build the endpoints; None if the setting is unset."""
    settings = runtime.settings
    if settings.forward_oauth_to is None:
        return None
    # On one machine every client has the same address, with or without a proxy.
    is_local = all(is_loopback_host(urlsplit(url).hostname or "") for url in (settings.issuer, settings.resource))
    client = AuthServiceClient(
        address=settings.forward_oauth_to,
        issuer=settings.issuer,
        needs_trust=not is_local,
        shared_networks=parse_networks(settings.rate_limit_shared_networks),
        clock=runtime.monotonic,
    )
    return ForwardingEndpoints(client, issuer=settings.issuer, log=runtime.log)
