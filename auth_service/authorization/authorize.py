"""GET and POST /authorize: runs the ordered checks and answers with the sign-in page, or the consent page.

Nothing is stored: the interaction travels in the page, encrypted, until the browser has signed in. Until client and
redirect URI are verified, an error is a page. Afterwards it is a redirect with `error`, `state` and `iss` (RFC 6749
section 4.1.2.1, RFC 9207), or, where a redirect would make this server an open redirector, a page with a link that
carries them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from auth_service.authorization.request import (
    CHECKS,
    AuthorizationError,
    AuthorizationRequest,
    Candidate,
    error_redirect_allowed,
    keep_plus_in_base64_state,
)
from auth_service.http.messages import NO_STORE, read_form
from auth_service.protocol.errors import InvalidRedirectUri, InvalidRequest, PageError, RedirectError
from auth_service.protocol.parameters import Parameters, parse_urlencoded
from auth_service.protocol.redirect_uri import check_redirect_uri, find_matching
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.authorization.interaction import Interactions
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.clients.client import Client
    from auth_service.http.urls import Urls
    from auth_service.sessions.manager import SessionManager

_MAX_POSTED: Final = 12 * 1024
"""A posted request continues as a URL; the server reads 16 KiB of header fields."""


class AuthorizeEndpoint:
    """The authorization endpoint (RFC 6749 section 3.1)."""

    def __init__(
        self,
        *,
        urls: Urls,
        interactions: Interactions,
        pages: InteractionPages,
        sessions: SessionManager,
        redirect_schemes: frozenset[str],
        trusts: Callable[[str], bool],
    ) -> None:
        """`redirect_schemes`: the private-use URI schemes that redirect URIs may have.

        `trusts`: whether the operator trusts the host of a metadata document.
        """
        self._urls = urls
        self._interactions = interactions
        self._pages = pages
        self._sessions = sessions
        self._redirect_schemes = redirect_schemes
        self._trusts = trusts

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the sign-in or the consent page. Raises PageError, UnknownClient, RedirectError, RedisUnavailable."""
        # The query as it was sent: in that of `rel_url` some characters are decoded, and decoding twice changes a state
        # such as `100%25`.
        parameters = parse_urlencoded(keep_plus_in_base64_state(request.raw_path.partition("?")[2]))
        client = await self._known_client(parameters)
        request[LOG_FIELDS]["client_id"] = client.client_id
        redirect_uri = _registered_redirect_uri(client, parameters, self._redirect_schemes)
        # From here on an error may be reported to the client.
        candidate = Candidate(parameters, client, self._interactions.resources)
        try:
            for check in CHECKS:
                check(candidate)
        except AuthorizationError as exc:
            raise RedirectError(
                exc.reason,
                error_id=exc.error_id,
                code=exc.code,
                redirect_uri=redirect_uri,
                state=parameters.get("state"),
                public=exc.public,
                automatic=error_redirect_allowed(client, redirect_uri, is_trusted=self._trusts(client.client_id)),
            ) from exc
        return await self._first_page(request, client, _accepted(candidate, redirect_uri))

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST (OpenID Connect Core section 3.1.2.1): continue with the same request by GET. Raises InvalidRequest.

        Browsers send no SameSite=Lax cookie with a form of another site. Answered here, the user would not be signed
        in, and the browser would be given another identity than its open pages have.
        """
        await read_form(request)
        body = await request.read()
        if len(body) > _MAX_POSTED:
            raise InvalidRequest(f"the request has {len(body)} bytes", error_id="request_size")
        location = self._urls.authorize(quote(body, safe="%&=+"))
        return web.Response(status=303, headers={"Location": location, "Referrer-Policy": "no-referrer", **NO_STORE})

    async def _known_client(self, parameters: Parameters) -> Client:
        client_id = parameters.get("client_id")
        if client_id is None:
            raise PageError(
                "client_id is missing",
                error_id="client_id_present",
                title="This link is incomplete",
                public="The application did not say who it is.",
                hint="Start again from the application that sent you here.",
            )
        return await self._interactions.clients.find(client_id)

    async def _first_page(self, request: web.Request, client: Client, accepted: AuthorizationRequest) -> web.Response:
        browser = self._sessions.browser(request)
        interaction = self._interactions.begin(browser, client, accepted)
        transaction = self._interactions.encryption.encrypt(interaction)
        session = None if accepted.force_sign_in else await self._sessions.current(request)
        if session is None:
            response = await self._pages.sign_in(browser, transaction, interaction)
        else:
            response = await self._pages.consent(browser, transaction, interaction, session)
        self._sessions.remember_browser(response, browser)
        return response


def _accepted(candidate: Candidate, redirect_uri: str) -> AuthorizationRequest:
    parameters = candidate.parameters
    return AuthorizationRequest(
        client_id=candidate.client.client_id,
        redirect_uri=redirect_uri,
        code_challenge=parameters.require("code_challenge"),
        resource=candidate.resource.identifier,
        scopes=candidate.scopes,
        state=parameters.get("state"),
        nonce=parameters.get("nonce"),
        login_hint=(parameters.get("login_hint") or "")[:200] or None,
        force_sign_in="login" in (parameters.get("prompt") or "").split(),
    )


def _registered_redirect_uri(client: Client, parameters: Parameters, redirect_schemes: frozenset[str]) -> str:
    """The redirect URI of this request. Raises PageError.

    The registration rules are applied again (interop.md F5): they may be stricter than at registration time.
    """
    presented = parameters.get("redirect_uri")
    redirect_uri = client.redirect_uris[0] if presented is None and len(client.redirect_uris) == 1 else presented
    reason = f"redirect_uri {presented!r:.200} is not registered for this client"
    if redirect_uri is not None and find_matching(client.redirect_uris, redirect_uri):
        try:
            check_redirect_uri(redirect_uri, redirect_schemes=redirect_schemes)
        except InvalidRedirectUri as exc:
            reason = exc.reason
        else:
            return redirect_uri
    raise PageError(
        reason,
        error_id="redirect_uri_registered",
        title="This application cannot be answered",
        public="The address to which the answer should go is not one that the application registered.",
        hint="This may be an attempt to trick you. If you started it yourself, remove the connection in the "
        "application and add it again.",
    )
