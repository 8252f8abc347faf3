"""GET and POST /consent: the person decides; the decision is one atomic step (invariants 3 and 7).

The answer to the decision is a 200 page that navigates on, because a redirect would be stopped by the form's own
content security policy in Chromium (interop.md F6).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from aiohttp import web

from auth_service.audit.events import AuditEvent
from auth_service.authorization.interaction import Decision, Interaction
from auth_service.authorization.interaction_steps import find_interaction
from auth_service.clients.client import Client, ClientKind
from auth_service.grants.code_format import derive_code
from auth_service.grants.grant import GrantStatus
from auth_service.http.request_body import read_first_party_form
from auth_service.http.responses import NO_STORE, authorization_redirect
from auth_service.pages.views import ConsentView, ContinueView, ScopeView
from auth_service.protocol.errors import PageError
from auth_service.protocol.opaque import digest
from auth_service.protocol.redirect_uri import describe
from auth_service.resources.scope_descriptions import words_for

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.interaction_repository import InteractionRepository
    from auth_service.clients.client import ClientLookup
    from auth_service.grants.repository import GrantRepository
    from auth_service.pages.renderer import Pages
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.cookies import Browser, SessionCookies
    from auth_service.sessions.manager import SessionManager
    from auth_service.sessions.session import Session

_REPLAY_WINDOW_SECONDS = 600
"""How long a code is remembered after it expired, so that a late replay is still recognised."""


class ConsentEndpoint:
    """The decision of the person."""

    def __init__(
        self,
        *,
        issuer: str,
        base_path: str,
        code_lifetime_seconds: int,
        pages: Pages,
        cookies: SessionCookies,
        sessions: SessionManager,
        interactions: InteractionRepository,
        grants: GrantRepository,
        directory: ClientLookup,
        resources: ResourceCatalogue,
        limits: RateLimits,
        audit: AuditLog,
        now: Callable[[], float],
    ) -> None:
        self._issuer = issuer
        self._base_path = base_path
        self._code_lifetime = code_lifetime_seconds
        self._pages = pages
        self._cookies = cookies
        self._sessions = sessions
        self._interactions = interactions
        self._grants = grants
        self._directory = directory
        self._resources = resources
        self._limits = limits
        self._audit = audit
        self._now = now

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET: what is asked for, and by whom."""
        browser = self._cookies.browser(request)
        interaction = await find_interaction(self._interactions, browser, request.query.get("transaction", ""))
        session = await self._session_for(request, interaction)
        if session is None:
            return self._to_sign_in(interaction)
        client = await self._directory.find(interaction.request.client_id)
        return self._pages.consent(await self._view(interaction, client, session, browser))

    async def submit(self, request: web.Request) -> web.StreamResponse:
        """POST: record the decision once, then lead back to the client."""
        form = await read_first_party_form(request)
        browser = self._cookies.browser(request)
        interaction = await find_interaction(self._interactions, browser, form.get("transaction") or "")
        session = await self._session_for(request, interaction)
        if session is None:
            return self._to_sign_in(interaction)
        browser.check_csrf(_form_purpose(interaction, session), form.get("csrf"))
        await self._limits.decision(session.subject)
        try:
            wanted = Decision(form.get("decision") or "")
        except ValueError as exc:
            raise PageError(
                "the form has no decision",
                error_id="decision_present",
                title="Please decide",
                public="The form arrived without a decision.",
                hint="Go back and choose one of the two buttons.",
            ) from exc
        client = await self._directory.find(interaction.request.client_id)
        made = await self._decide(interaction, wanted, client, session, browser)
        if made is Decision.APPROVE and interaction.decision is not None:
            await self._check_code_is_unused(interaction)
        return self._pages.continue_to(
            ContinueView(
                location=self._location(interaction, made, browser),
                client_name=client.client_name or client.client_id,
                approved=made is Decision.APPROVE,
            )
        )

    async def _session_for(self, request: web.Request, interaction: Interaction) -> Session | None:
        session = await self._sessions.current(request)
        asked = interaction.request
        if session is not None and asked.force_sign_in and session.authenticated_at < interaction.started_at:
            return None
        return session

    def _to_sign_in(self, interaction: Interaction) -> web.Response:
        query = urlencode({"transaction": interaction.identifier})
        return web.Response(status=303, headers={"Location": f"{self._base_path}/sign-in?{query}", **NO_STORE})

    async def _decide(
        self, interaction: Interaction, wanted: Decision, client: Client, session: Session, browser: Browser
    ) -> Decision:
        asked, now = interaction.request, self._now()
        code = derive_code(browser.secret, interaction.identifier, interaction.nonce)
        code_expires_at = now + self._code_lifetime
        made = await self._interactions.decide(
            interaction.identifier,
            wanted,
            grant_expires_at=code_expires_at + _REPLAY_WINDOW_SECONDS,
            grant={
                "status": "code",
                "subject": session.subject,
                "username": session.username,
                "client_id": client.client_id,
                "client_name": (client.client_name or "")[:100],
                "resource": asked.resource,
                "scope": " ".join(asked.scopes),
                "redirect_uri": asked.redirect_uri,
                "code_hash": digest(code),
                "code_challenge": asked.code_challenge,
                "code_expires_at": int(code_expires_at * 1000),
                "authenticated_at": int(session.authenticated_at),
                "nonce": asked.nonce or "",
            },
        )
        if made is None:
            raise PageError(
                "the interaction expired while the person decided",
                error_id="interaction_known",
                title="This page is no longer current",
                public="The request took too long.",
                hint="Go back to your application and connect again.",
            )
        if interaction.decision is not None:
            return made  # told again what was decided, and recorded, before
        event = AuditEvent.CONSENT_APPROVED if made is Decision.APPROVE else AuditEvent.CONSENT_DENIED
        self._audit.record(
            event,
            user=session.subject,
            client=client.client_id,
            resource=asked.resource,
            grant=interaction.identifier,
            scope=" ".join(asked.scopes),
        )
        return made

    async def _check_code_is_unused(self, interaction: Interaction) -> None:
        """Refuse to hand out a spent code again: presented twice, it would end what it issued (invariant 6)."""
        grant = await self._grants.find(interaction.identifier)
        if grant is None or grant.status is not GrantStatus.CODE or self._now() >= grant.code_expires_at:
            raise PageError(
                "the decision was made before, and its code is spent or expired",
                error_id="decision_current",
                title="You have decided already",
                public="This decision was made before, and the application has been told.",
                hint="You can close this page. If the application does not work, connect it again from there.",
            )

    def _location(self, interaction: Interaction, made: Decision, browser: Browser) -> str:
        asked = interaction.request
        if made is Decision.APPROVE:
            parameters = {"code": derive_code(browser.secret, interaction.identifier, interaction.nonce)}
        else:
            parameters = {"error": "access_denied", "error_description": "The person declined."}
        return authorization_redirect(asked.redirect_uri, issuer=self._issuer, state=asked.state, parameters=parameters)

    async def _view(self, interaction: Interaction, client: Client, session: Session, browser: Browser) -> ConsentView:
        asked = interaction.request
        resource = self._resources.find(asked.resource) or self._resources.default
        target = describe(asked.redirect_uri)
        held = {
            scope
            for grant in await self._grants.find_by_subject(session.subject, now=self._now())
            if grant.client_id == client.client_id and grant.resource == asked.resource
            for scope in grant.scopes
        }
        words = words_for(asked.scopes, resource)
        return ConsentView(
            action=f"{self._base_path}/consent",
            transaction=interaction.identifier,
            csrf=browser.csrf(_form_purpose(interaction, session)),
            client_name=client.client_name or client.client_id,
            client_host=urlsplit(client.client_id).hostname if client.kind is ClientKind.METADATA_DOCUMENT else None,
            redirect_host=target.host,
            redirect_is_local=target.is_local,
            redirect_is_app_scheme=target.is_app_scheme,
            resource_name=resource.name,
            resource=resource.identifier,
            username=session.username,
            scopes=tuple(ScopeView(name, text) for name, text in words if name not in held),
            already_granted=tuple(ScopeView(name, text) for name, text in words if name in held),
            verified=client.kind is ClientKind.PRE_REGISTERED,
            switch_address=f"{self._base_path}/sign-in?{urlencode({'transaction': interaction.identifier})}",
            account_address=f"{self._base_path}/account",
        )


def _form_purpose(interaction: Interaction, session: Session) -> str:
    """What a form's CSRF value is for: this decision, by the person whose name is on the page.

    Who signs in as somebody else in another tab does not decide with a page that was made for the first; and whoever
    plants the browser's cookie does not know the session's.
    """
    return f"{interaction.identifier}.{session.token_hash}"
