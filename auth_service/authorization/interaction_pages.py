"""The sign-in page and the consent page of an interaction (invariant 7: consent names the host of the redirect URI).

Each carries the interaction in a hidden form field, encrypted or as an identifier, and a CSRF value of the browser.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.authorization.consent_offer import offer_of
from auth_service.clients.client import ClientKind
from auth_service.clients.known_apps import document_colour, document_host, imitated_app
from auth_service.federation.account_profile import identity_label
from auth_service.federation.provider import ClientRejected
from auth_service.http.urls import authorization_redirect
from auth_service.pages.consent_views import AccessLifetimeView, ConsentView, ImitationView
from auth_service.pages.views import (
    ProviderButton,
    ProviderRedirectView,
    ScopeView,
    SignInView,
    SwitchUserForm,
    UserRefusedView,
    UserView,
)
from auth_service.protocol.errors import UnknownClient
from auth_service.protocol.redirect_uri import redirect_target
from auth_service.resources.catalogue import describe_scopes
from auth_service.resources.user_access import describe_claims
from auth_service.texts import message
from auth_service.users.user import PROVIDER_SEPARATOR

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.authorization.deciding_user import DecidingUser, UserRejection
    from auth_service.authorization.interaction import Interaction
    from auth_service.authorization.interaction_service import InteractionService
    from auth_service.clients.client import Client
    from auth_service.federation.identity_providers import ConfiguredProvider, IdentityProviders
    from auth_service.federation.provider import ProviderUnavailable
    from auth_service.grants.grant import GrantLifetimes
    from auth_service.grants.repository import GrantRepository
    from auth_service.http.urls import Urls
    from auth_service.pages.renderer import Pages
    from auth_service.resources.choice import Choice
    from auth_service.sessions.cookies import Browser
    from auth_service.texts import Text


class InteractionPages:
    """Renders the pages. `transaction` is the form in which the interaction arrived, and goes back into the page."""

    def __init__(
        self,
        *,
        urls: Urls,
        pages: Pages,
        interactions: InteractionService,
        grants: GrantRepository,
        lifetimes: GrantLifetimes,
        providers: IdentityProviders,
    ) -> None:
        self._urls = urls
        self._pages = pages
        self._interactions = interactions
        self._grants = grants
        self._lifetimes = lifetimes
        self._providers = providers
        self._clock = interactions.clock

    async def sign_in(
        self,
        browser: Browser,
        transaction: str = "",
        interaction: Interaction | None = None,
        *,
        username: str = "",
        problem: Text | None = None,
        notice: Text | None = None,
        request_id: str = "",
        choose_account: bool = False,
        status: int = 200,
    ) -> web.Response:
        """The sign-in page; without an interaction, sign-in continues with the account page.

        `problem` is shown beside the password, `notice` above all ways to sign in. `choose_account`: a provider must
        let the user choose an account.
        """
        client_name = resource_name = None
        if interaction is not None:
            resource = self._interactions.resources.find(interaction.request.resource)
            resource_name = resource.name if resource else None
            username = username or interaction.request.login_hint or ""
            try:
                client_name = (await self._interactions.clients.find(interaction.request.client_id)).client_name
            except UnknownClient:
                client_name = None
        view = SignInView(
            action=self._urls.sign_in,
            transaction=transaction,
            csrf=browser.csrf(transaction),
            client_name=client_name,
            resource_name=resource_name,
            username=username,
            problem=problem,
            notice=notice,
            request_id=request_id,
            providers=tuple(
                ProviderButton(
                    entry.id,
                    entry.display_name,
                    available=entry.provider.is_available,
                    rejects_client=entry.provider.rejects_client,
                )
                for entry in self._providers.ordered(browser.last_provider)
            ),
            passwords=self._providers.passwords,
            providers_first=self._providers.find(browser.last_provider) is not None,
            choose_account=choose_account,
        )
        return self._pages.sign_in(view, status=status)

    async def provider_unavailable(
        self,
        browser: Browser,
        transaction: str,
        interaction: Interaction | None,
        entry: ConfiguredProvider,
        error: ProviderUnavailable,
        *,
        request_id: str,
    ) -> web.Response:
        """The sign-in page with a notice: 503 only if there is no other way to sign in (invariant 8).

        `request_id`: where the error log has the reason.
        """
        alone, name = self._providers.only is not None, entry.display_name
        if isinstance(error, ClientRejected):
            notice = (
                message("%(provider)s isn't set up correctly. Please tell your administrator.", provider=name)
                if alone
                else message(
                    "%(provider)s isn't set up correctly. Please choose another way to sign in, and tell your "
                    "administrator.",
                    provider=name,
                )
            )
        else:
            notice = (
                message("%(provider)s isn't responding. Please try again in a moment.", provider=name)
                if alone
                else message(
                    "%(provider)s isn't responding. Try again in a moment, or choose another way to sign in.",
                    provider=name,
                )
            )
        response = await self.sign_in(
            browser,
            transaction,
            interaction,
            notice=notice,
            request_id=request_id,
            status=503 if alone else 200,
        )
        if alone:
            response.headers["Retry-After"] = "5"
        return response

    def to_provider(self, entry: ConfiguredProvider, location: str) -> web.Response:
        """The page that leads to a provider. Raises ServiceUnavailable for a location that is no web address."""
        return self._pages.to_provider(ProviderRedirectView(location, entry.display_name))

    async def consent(
        self,
        browser: Browser,
        transaction: str,
        interaction: Interaction,
        user: DecidingUser,
        *,
        returned: Choice | None = None,
    ) -> web.Response:
        """The consent page; scopes that the client already holds are listed separately, and are no choice.

        `returned` is the choice of a form that left nothing. Raises UnknownClient, PageError if the client has changed.
        """
        requested = interaction.request
        client = await self._interactions.client_of(interaction)
        session, resource = user.session, user.resource
        target = redirect_target(requested.redirect_uri)
        host, imitated = document_host(client), imitated_app(client, target)
        grants = [
            grant
            for grant in await self._grants.find_by_subject(session.subject, now=self._clock())
            if grant.client_id == client.client_id and grant.resource == requested.resource
        ]
        offer = offer_of(resource, user.scopes, grants, returned=returned)
        view = ConsentView(
            action=self._urls.consent(),
            transaction=transaction,
            csrf=browser.csrf(user.csrf_purpose(interaction)),
            client_id=client.client_id,
            client_name=client.client_name or client.client_id,
            client_host=host,
            redirect_uri=requested.redirect_uri,
            redirect_host=target.host,
            redirect_is_local=target.is_local,
            redirect_is_app_scheme=target.is_app_scheme,
            resource_name=resource.name,
            resource=resource.identifier,
            user=self._described(user),
            scopes=offer.new,
            already_granted=offer.held,
            unavailable=_unavailable(user),
            told=describe_claims(resource.required_claims),
            optional_claims=offer.claims,
            kept_scopes=offer.kept,
            nothing_left=returned is not None,
            verified=client.kind is ClientKind.PRE_REGISTERED,
            imitation=ImitationView(imitated.name, imitated.hosts[0]) if imitated else None,
            letter_colour=document_colour(host),
            lifetime=self._lifetime(client),
            switch=self._switch(browser, transaction),
            account_address=self._urls.account,
        )
        return self._pages.consent(view, status=200 if returned is None else 400)

    def user_refused(
        self,
        browser: Browser,
        transaction: str,
        interaction: Interaction,
        user: DecidingUser,
        rejection: UserRejection,
        request_id: str,
    ) -> web.Response:
        """The page for a user who cannot decide, with a way to sign in as another and a link back to the client."""
        requested = interaction.request
        description = f"{rejection.description} (request ID {request_id})"
        view = UserRefusedView(
            title=rejection.title,
            message=rejection.message,
            hint=rejection.hint,
            user=self._described(user),
            unavailable=_unavailable(user) if rejection.shows_scopes else (),
            switch=self._switch(browser, transaction),
            onward=authorization_redirect(
                requested.redirect_uri,
                issuer=self._urls.issuer,
                state=requested.state,
                parameters={"error": rejection.code, "error_description": description},
            ),
            onward_host=redirect_target(requested.redirect_uri).host,
            request_id=request_id,
        )
        return self._pages.user_refused(view)

    def _lifetime(self, client: Client) -> AccessLifetimeView:
        if "refresh_token" in client.grant_types:
            return AccessLifetimeView(self._lifetimes.unused, self._lifetimes.absolute)
        return AccessLifetimeView(self._lifetimes.access_token, self._lifetimes.access_token)

    def _described(self, user: DecidingUser) -> UserView:
        username, identity = user.session.username, user.identity
        entry = None if identity is None else self._providers.find(identity.provider)
        if identity is None or entry is None:
            return UserView(username)
        # A name that was made for the identity repeats it.
        is_made = username.startswith(f"{identity.provider}{PROVIDER_SEPARATOR}")
        return UserView("" if is_made else username, entry.display_name, identity_label(identity))

    def _switch(self, browser: Browser, transaction: str) -> SwitchUserForm:
        return SwitchUserForm(self._urls.sign_in, transaction, browser.csrf(transaction))


def _unavailable(user: DecidingUser) -> tuple[ScopeView, ...]:
    return tuple(ScopeView(name, text) for name, text in describe_scopes(user.unavailable, user.resource))
