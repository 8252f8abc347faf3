"""GET /authorize: runs the ordered checks, stores the interaction and sends the browser to sign-in or consent.

Until client and redirect URI are verified, an error is a page. Afterwards it is a redirect with `error`, `state` and
`iss` (RFC 6749 section 4.1.2.1, RFC 9207), or, where a redirect would make this server an open redirector, a page with
a link that carries them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.authorization.interaction import Interaction
from auth_service.authorization.request import (
    CHECKS,
    MAX_STATE,
    AuthorizationError,
    AuthorizationRequest,
    Candidate,
    error_redirect_allowed,
)
from auth_service.http.messages import NO_STORE
from auth_service.protocol.errors import InvalidRedirectUri, PageError, RedirectError
from auth_service.protocol.opaque import new_identifier
from auth_service.protocol.parameters import Parameters, parse_urlencoded
from auth_service.protocol.redirect_uri import check_redirect_uri, find_matching
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from auth_service.authorization.interaction import Interactions
    from auth_service.clients.client import Client
    from auth_service.http.urls import Urls
    from auth_service.sessions.manager import SessionManager


class AuthorizeEndpoint:
    """The authorization endpoint (RFC 6749 section 3.1)."""

    def __init__(
        self,
        *,
        urls: Urls,
        interactions: Interactions,
        sessions: SessionManager,
        redirect_schemes: frozenset[str],
        clock: Callable[[], float],
    ) -> None:
        """`redirect_schemes`: the private-use URI schemes that redirect URIs may have."""
        self._urls = urls
        self._interactions = interactions
        self._sessions = sessions
        self._redirect_schemes = redirect_schemes
        self._clock = clock

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        """Redirect to sign-in or consent. Raises PageError, UnknownClient, RedirectError, RedisUnavailable."""
        # The raw query: aiohttp's `query_string` is decoded already, and decoding twice changes a state such as
        # `100%25`.
        parameters = parse_urlencoded(request.rel_url.raw_query_string)
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
                state=(parameters.get("state") or "")[:MAX_STATE] or None,
                public=exc.public,
                automatic=error_redirect_allowed(client, redirect_uri),
            ) from exc
        return await self._begin_interaction(request, _accepted(candidate, redirect_uri))

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

    async def _begin_interaction(self, request: web.Request, accepted: AuthorizationRequest) -> web.Response:
        browser = self._sessions.browser(request)
        interaction = Interaction(
            identifier=new_identifier(),
            browser_hash=browser.secret_hash,
            nonce=new_identifier(),
            started_at=int(self._clock()),
            request=accepted,
        )
        await self._interactions.repository.begin(interaction)
        signed_in = not accepted.force_sign_in and await self._sessions.current(request) is not None
        page = self._urls.consent if signed_in else self._urls.sign_in
        response = web.Response(
            status=303, headers={"Location": page(interaction.identifier), "Referrer-Policy": "no-referrer", **NO_STORE}
        )
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
