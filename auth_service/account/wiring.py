"""Builds the account page and its forms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.account.endpoint import AccountEndpoint, HomeEndpoint
from auth_service.account.identities import LinkEndpoint, UnlinkEndpoint
from auth_service.account.listings import ApplicationList, IdentityList
from auth_service.account.page import AccountPage
from auth_service.account.password import PasswordEndpoint

if TYPE_CHECKING:
    from auth_service.authorization.provider_redirects import ProviderRedirects
    from auth_service.browser_pages import BrowserPages
    from auth_service.clients.client import ClientLookup
    from auth_service.federation.wiring import FederationComponents
    from auth_service.grants.components import GrantComponents
    from auth_service.runtime import Runtime
    from auth_service.sign_in.password_authenticator import PasswordAuthenticator


@dataclass(frozen=True, slots=True)
class AccountComponents:
    """The account page, the endpoints of its forms, and the home page."""

    home: HomeEndpoint
    page: AccountPage
    endpoint: AccountEndpoint
    password: PasswordEndpoint
    link: LinkEndpoint
    unlink: UnlinkEndpoint


def wire_account(
    runtime: Runtime,
    *,
    browser: BrowserPages,
    clients: ClientLookup,
    grants: GrantComponents,
    federation: FederationComponents,
    passwords: PasswordAuthenticator | None,
    redirects: ProviderRedirects,
) -> AccountComponents:
    """Build the components."""
    sessions, users, audit = browser.sessions, grants.users, grants.audit
    providers, accounts = federation.providers, federation.accounts
    page = AccountPage(
        urls=browser.urls,
        pages=browser.pages,
        sessions=sessions,
        applications=ApplicationList(
            grants=grants.repository,
            clients=clients,
            resources=grants.resources,
            access_token_seconds=runtime.settings.access_token_ttl,
        ),
        identities=IdentityList(accounts=accounts, providers=providers, users=users),
        clock=runtime.clock,
    )
    return AccountComponents(
        home=HomeEndpoint(page=browser.home, urls=browser.urls),
        page=page,
        endpoint=AccountEndpoint(
            page=page, pages=browser.pages, sessions=sessions, grants=grants.repository, audit=audit
        ),
        password=PasswordEndpoint(page=page, sessions=sessions, users=users, passwords=passwords, audit=audit),
        link=LinkEndpoint(
            page=page, pages=browser.pages, providers=providers, redirects=redirects, clock=runtime.clock
        ),
        unlink=UnlinkEndpoint(page=page, sessions=sessions, accounts=accounts, clock=runtime.clock),
    )
