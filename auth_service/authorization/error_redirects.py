"""Which refusals may send the browser on to the client by themselves (RFC 9700 section 4.11.2). Pure.

Anyone can register a client whose redirect URI is a page of theirs, and then pass around a link to this server with
a request that is sure to be refused. If that were redirected at once, this server's good name would vouch for the
page: an open redirector. Such a refusal is shown instead, with a link that names the host.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth_service.clients.client import ClientKind
from auth_service.protocol.redirect_uri import describe

if TYPE_CHECKING:
    from auth_service.clients.client import Client


def error_redirect_allowed(client: Client, redirect_uri: str) -> bool:
    """Whether a refusal may go to this redirect URI, which belongs to the client, without the person's click.

    Yes for clients that the operator added; for the person's own device, where no stranger's page is; and for a
    metadata document's own host, which the link names as the client for all to see.
    """
    if client.kind is ClientKind.PRE_REGISTERED:
        return True
    target = describe(redirect_uri)
    if target.is_local or target.is_app_scheme:
        return True
    return client.kind is ClientKind.METADATA_DOCUMENT and _host(client.client_id) == _host(redirect_uri)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
