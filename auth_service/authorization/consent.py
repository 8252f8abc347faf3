"""GET and POST /consent: shows the request to the user and records the decision (invariants 3, 7 and 15).

The response to a decision is a 200 page that navigates to the client: Chromium blocks a redirect after a form post
under the page's own Content-Security-Policy (interop.md F6).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.http.messages import read_first_party_form
from auth_service.http.urls import authorization_redirect
from auth_service.pages.views import ContinueView
from auth_service.protocol.errors import PageError
from auth_service.texts import message
from shared.http.request_middleware import LOG_FIELDS

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.consent_decisions import ConsentDecisions
    from auth_service.authorization.interaction_pages import InteractionPages
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.authorization.user_resolver import UserResolver
    from auth_service.pages.renderer import Pages


_REPEATABLE: Final = frozenset({"scope", "claim"})
_MAX_PARAMETERS: Final = 256
"""The maximum number of form parameters: each scope of the resource is one."""


class ConsentEndpoint:
    """The consent page and the form that it posts."""

    def __init__(
        self,
        *,
        issuer: str,
        pages: Pages,
        interaction_pages: InteractionPages,
        users: UserResolver,
        interactions: InteractionService,
        decisions: ConsentDecisions,
    ) -> None:
        self._issuer = issuer
        self._pages = pages
        self._interaction_pages = interaction_pages
        self._users = users
        self._interactions = interactions
        self._decisions = decisions

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: the consent page; the sign-in page if the browser is not signed in, or no longer."""
        browser = self._users.sessions.browser(request)
        transaction = request.query.get("transaction", "")
        interaction = await self._interactions.find(browser, transaction)
        user = await self._users.current(request, browser, transaction, interaction)
        if user is None:
            return await self._interaction_pages.sign_in(browser, transaction, interaction)
        return await self._interaction_pages.consent(browser, transaction, interaction, user)

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST: record the decision once, then return the browser to the client.

        An approval that leaves nothing to do at the resource is no decision: the page is shown again.
        """
        form = await read_first_party_form(request, repeatable=_REPEATABLE, most=_MAX_PARAMETERS)
        browser = self._users.sessions.browser(request)
        transaction = form.get("transaction") or ""
        interaction = await self._interactions.find(browser, transaction)
        user = await self._users.current(request, browser, transaction, interaction)
        if user is None:
            return await self._interaction_pages.sign_in(browser, transaction, interaction)
        browser.check_csrf(user.csrf_purpose(interaction), form.get("csrf"))
        await self._decisions.check_limit(user.session)
        try:
            decision = ConsentDecision(form.get("decision") or "")
        except ValueError as exc:
            raise PageError(
                "the form has no decision",
                error_id="decision_present",
                title=message("Choose Allow or Deny"),
                public=message("We didn't get your choice."),
                hint=message("Go back and use one of the two buttons."),
            ) from exc
        choice = user.choice(form)
        client = await self._interactions.client_of(interaction)
        if decision is ConsentDecision.APPROVE:
            if user.leaves_nothing(choice):
                request[LOG_FIELDS].update(error_id="scope_chosen", reason="no scope of the resource was left")
                return await self._interaction_pages.consent(browser, transaction, interaction, user, returned=choice)
            # Before the grant exists: a registration with a live grant is never evicted (interop.md A18).
            await self._interactions.clients.record_use(client)
        recorded = await self._decisions.record(interaction, decision, choice, client, user, browser)
        return self._pages.continue_to(
            ContinueView(
                location=self._location(interaction, recorded.response_parameters),
                client_name=client.client_name or client.client_id,
                approved=recorded.decision is ConsentDecision.APPROVE,
            )
        )

    def _location(self, interaction: Interaction, parameters: dict[str, str]) -> str:
        request = interaction.request
        return authorization_redirect(
            request.redirect_uri, issuer=self._issuer, state=request.state, parameters=parameters
        )
