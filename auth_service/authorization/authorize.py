"""GET and POST /authorize: runs the ordered checks and answers with the first page (first_page.py).

The interaction travels in the page, encrypted, until the browser has signed in. Until client and
redirect URI are verified, an error is a page. Afterwards it is a redirect with `error`, `state` and `iss` (RFC 6749
section 4.1.2.1, RFC 9207), or, where a redirect would make this server an open redirector, a page with a link that
carries them.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf, nextafter
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from aiohttp import web

from auth_service.authorization.request import (
    CHECKS,
    AuthorizationError,
    AuthorizationRequest,
    Candidate,
    keep_plus_in_base64_state,
    without_interaction,
)
from auth_service.http.messages import NO_STORE, read_body, read_form
from auth_service.protocol.errors import InvalidRequest, PageError, RedirectError
from auth_service.protocol.parameters import Parameters, parse_urlencoded
from auth_service.texts import message
from shared.http.request_middleware import LOG_FIELDS
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    from auth_service.authorization.first_page import FirstPage
    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.authorization.redirects import RedirectPolicy
    from auth_service.clients.client import Client
    from auth_service.http.urls import Urls
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session
    from auth_service.tokens.id_token_hint import IdTokenHints

_MAX_POSTED: Final = 12 * 1024
"""The maximum bytes of a posted request, which continues as a URL; the server reads 16 KiB of header fields."""


class AuthorizeEndpoint:
    """The authorization endpoint (RFC 6749 section 3.1)."""

    def __init__(
        self,
        *,
        urls: Urls,
        interactions: InteractionService,
        first_page: FirstPage,
        sessions: SessionManager,
        redirects: RedirectPolicy,
        hints: IdTokenHints,
    ) -> None:
        self._urls = urls
        self._interactions = interactions
        self._first_page = first_page
        self._sessions = sessions
        self._redirects = redirects
        self._hints = hints

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the first page. Raises PageError, UnknownClient, RedirectError, ServiceUnavailable."""
        # The query as it was sent: in that of `rel_url` some characters are decoded, and decoding twice changes a state
        # such as `100%25`.
        parameters = parse_urlencoded(keep_plus_in_base64_state(request.raw_path.partition("?")[2]))
        client = await self._known_client(parameters)
        request[LOG_FIELDS]["client_id"] = client.client_id
        redirect_uri = self._redirects.registered_uri(client, parameters)
        # From here on an error may be reported to the client.
        candidate = Candidate(parameters, client, self._interactions.resources)
        browser = self._sessions.browser(request)
        try:
            for check in CHECKS:
                check(candidate)
            accepted = _accepted(candidate, redirect_uri, subject=await self._hinted_user(parameters))
            interaction = self._interactions.begin(browser, client, accepted)
            session = await self._sessions.current(request)
            if session is not None:
                if accepted.max_age == 0:
                    interaction = _begun_after(session, interaction)
                if not (interaction.accepts_age_of(session) and interaction.accepts_user_of(session)):
                    session = None
            if "none" in candidate.prompt:
                raise without_interaction(signed_in=session is not None)
        except AuthorizationError as exc:
            raise RedirectError(
                exc.reason,
                error_id=exc.error_id,
                code=exc.code,
                redirect_uri=redirect_uri,
                state=parameters.get("state"),
                public=exc.public,
                automatic=self._redirects.redirects_errors(client, redirect_uri),
            ) from exc
        choose_account = not candidate.prompt.isdisjoint({"login", "select_account"})
        return await self._first_page.respond(request, browser, interaction, session, choose_account=choose_account)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST (OpenID Connect Core section 3.1.2.1): continue with the same request by GET. Raises InvalidRequest.

        Browsers send no SameSite=Lax cookie with a form of another site. Answered here, the user would not be signed
        in, and the browser would be given another identity than its open pages have.
        """
        await read_form(request)
        body = await read_body(request)
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
                title=message("This link is incomplete"),
                public=message("It doesn't say which app you want to connect."),
                hint=message("Start again from the app that sent you here."),
            )
        return await self._interactions.clients.find(client_id)

    async def _hinted_user(self, parameters: Parameters) -> str | None:
        """The user that `id_token_hint` names. Raises AuthorizationError, ServiceUnavailable."""
        unverified = parameters.get("id_token_hint")
        try:
            return None if unverified is None else await self._hints.subject(unverified)
        except InvalidToken as exc:
            raise AuthorizationError(
                "invalid_request",
                error_id="id_token_hint",
                public="id_token_hint is not an ID token of this server.",
                reason=f"{exc.error_id}: {exc.reason}",
            ) from exc


def _begun_after(session: Session, interaction: Interaction) -> Interaction:
    """The interaction with a start after this sign-in, which a replica with a fast clock may have recorded."""
    started_at = max(interaction.started_at, nextafter(session.authenticated_at, inf))
    return replace(interaction, started_at=started_at)


def _accepted(candidate: Candidate, redirect_uri: str, *, subject: str | None) -> AuthorizationRequest:
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
        max_age=candidate.max_age,
        subject=subject,
    )
