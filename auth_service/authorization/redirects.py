"""The redirect URI of a request, and whether an error may be redirected to it without a click. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth_service.clients.client import ClientKind
from auth_service.protocol.errors import InvalidRedirectUri, PageError
from auth_service.protocol.redirect_uri import check_redirect_uri, find_matching, redirect_target
from auth_service.texts import message

if TYPE_CHECKING:
    from auth_service.clients.client import Client
    from auth_service.protocol.parameters import Parameters


@dataclass(frozen=True, slots=True)
class RedirectPolicy:
    """The redirects that the operator allows."""

    schemes: frozenset[str]
    """The private-use URI schemes that redirect URIs may have."""
    trusts: Callable[[str], bool]
    """Whether the operator trusts the host of a metadata document."""

    def registered_uri(self, client: Client, parameters: Parameters) -> str:
        """The redirect URI of this request. Raises PageError.

        The registration rules are applied again (interop.md F5): they may be stricter than at registration time.
        """
        presented = parameters.get("redirect_uri")
        redirect_uri = client.redirect_uris[0] if presented is None and len(client.redirect_uris) == 1 else presented
        reason = f"redirect_uri {presented!r:.200} is not registered for this client"
        if redirect_uri is not None and find_matching(client.redirect_uris, redirect_uri):
            try:
                check_redirect_uri(redirect_uri, redirect_schemes=self.schemes)
            except InvalidRedirectUri as exc:
                reason = exc.reason
            else:
                return redirect_uri
        raise PageError(
            reason,
            error_id="redirect_uri_registered",
            title=message("We can't send you back to this app"),
            public=message("The app asked us to send you to an address that it didn't register."),
            hint=message(
                "Someone may be trying to trick you. If you started this yourself, remove the connection in the app "
                "and add it again."
            ),
        )

    def redirects_errors(self, client: Client, redirect_uri: str) -> bool:
        """Whether an error may be redirected to this URI of the client without a click."""
        return error_redirect_allowed(client, redirect_uri, is_trusted=self.trusts(client.client_id))


def error_redirect_allowed(client: Client, redirect_uri: str, *, is_trusted: bool) -> bool:
    """Whether an error may be redirected to this URI of the client without a click (RFC 9700 section 4.11.2).

    An attacker can register a client with a redirect URI on a page of theirs, and then distribute a link to this server
    with a request that is certain to fail. An automatic redirect would make this server an open redirector; such an
    error is shown as a page with a link that names the host instead.

    Allowed are clients that the operator registered; redirects to the user's own device; and the host of a metadata
    document that is trusted (`CimdPolicy.trusts`): any party can serve a document, or register a client.
    """
    if client.kind is ClientKind.PRE_REGISTERED:
        return True
    target = redirect_target(redirect_uri)
    if target.is_local or target.is_app_scheme:
        return True
    return is_trusted and client.kind is ClientKind.METADATA_DOCUMENT and _host(client.client_id) == _host(redirect_uri)


def _host(url: str) -> str:
    return urlsplit(url).netloc.lower()
