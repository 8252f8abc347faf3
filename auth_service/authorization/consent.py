"""GET and POST /consent: shows the request to the user and records the decision (invariants 3 and 7).

The response to a decision is a 200 page that navigates to the client: Chromium blocks a redirect after a form post
under the page's own Content-Security-Policy (interop.md F6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.http.messages import NO_STORE, read_first_party_form
from auth_service.http.urls import authorization_redirect
from auth_service.pages.views import ContinueView
from auth_service.protocol.errors import PageError

if TYPE_CHECKING:
    from auth_service.authorization.consent_decisions import ConsentDecisions
    from auth_service.authorization.consent_view import ConsentViewBuilder
    from auth_service.authorization.interaction import Interactions
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.repository import Session


class ConsentEndpoint:
    """The consent page and the form that it posts."""

    def __init__(
        self,
        *,
        urls: Urls,
        pages: Pages,
        sessions: SessionManager,
        interactions: Interactions,
        views: ConsentViewBuilder,
        decisions: ConsentDecisions,
    ) -> None:
        self._urls = urls
        self._pages = pages
        self._sessions = sessions
        self._interactions = interactions
        self._views = views
        self._decisions = decisions

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the consent page."""
        browser = self._sessions.browser(request)
        interaction = await self._interactions.find(browser, request.query.get("transaction", ""))
        session = await self._session_for(request, interaction)
        if session is None:
            return self._to_sign_in(interaction)
        client = await self._interactions.clients.find(interaction.request.client_id)
        csrf = browser.csrf(_csrf_purpose(interaction, session))
        return self._pages.consent(await self._views.build(interaction, client, session, csrf=csrf))

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST: record the decision once, then return the browser to the client."""
        form = await read_first_party_form(request)
        browser = self._sessions.browser(request)
        interaction = await self._interactions.find(browser, form.get("transaction") or "")
        session = await self._session_for(request, interaction)
        if session is None:
            return self._to_sign_in(interaction)
        browser.check_csrf(_csrf_purpose(interaction, session), form.get("csrf"))
        await self._decisions.check_limit(session)
        try:
            decision = ConsentDecision(form.get("decision") or "")
        except ValueError as exc:
            raise PageError(
                "the form has no decision",
                error_id="decision_present",
                title="Please decide",
                public="The form arrived without a decision.",
                hint="Go back and choose one of the two buttons.",
            ) from exc
        client = await self._interactions.clients.find(interaction.request.client_id)
        if decision is ConsentDecision.APPROVE:
            # Before the grant exists: a registration with a live grant is never evicted (interop.md A18).
            await self._interactions.clients.record_use(client)
        recorded = await self._decisions.record(interaction, decision, client, session, browser)
        return self._pages.continue_to(
            ContinueView(
                location=self._location(interaction, recorded.response_parameters),
                client_name=client.client_name or client.client_id,
                approved=recorded.decision is ConsentDecision.APPROVE,
            )
        )

    async def _session_for(self, request: web.Request, interaction: Interaction) -> Session | None:
        session = await self._sessions.current(request)
        force_sign_in = interaction.request.force_sign_in
        if session is not None and force_sign_in and session.authenticated_at < interaction.started_at:
            return None
        return session

    def _to_sign_in(self, interaction: Interaction) -> web.Response:
        location = self._urls.sign_in(interaction.identifier)
        return web.Response(status=303, headers={"Location": location, **NO_STORE})

    def _location(self, interaction: Interaction, parameters: dict[str, str]) -> str:
        request = interaction.request
        return authorization_redirect(
            request.redirect_uri, issuer=self._urls.issuer, state=request.state, parameters=parameters
        )


def _csrf_purpose(interaction: Interaction, session: Session) -> str:
    """A CSRF value is valid for one interaction and one session.

    After a sign-in as another user in a second tab, the page of the first user cannot be submitted; and an attacker who
    planted the browser cookie does not know the session's token.
    """
    return f"{interaction.identifier}.{session.token_hash}"
