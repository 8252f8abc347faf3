"""Every page of both services, in each of its states: one list for the tests of pages, for browsers and screenshots.

In a browser they are shown without a server, and without the element by which two of them navigate to a client.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from auth_service.pages.account_views import (
    AccountNotice,
    AccountView,
    ApplicationView,
    BrowserView,
    IdentitiesView,
    LinkedIdentityView,
    PasswordProblem,
    SignedOutView,
)
from auth_service.pages.catalogue import ENGLISH, Catalogue
from auth_service.pages.consent_views import AccessLifetimeView, ClaimView, ConsentView, ImitationView
from auth_service.pages.renderer import Pages
from auth_service.pages.views import (
    ContinueView,
    ErrorView,
    HomeView,
    NotFoundView,
    ProviderButton,
    ProviderRedirectView,
    ResourceLink,
    ScopeView,
    SignInView,
    SwitchUserForm,
    UnknownClientView,
    UserRefusedView,
    UserView,
)
from auth_service.texts import message
from mcp_service.pages.browser_pages import ServicePages

if TYPE_CHECKING:
    from aiohttp import web
    from playwright.async_api import Page

    from shared.http.static_page import StaticPage

_REFRESH: Final = re.compile(r'<meta http-equiv="refresh"[^>]*>')

SIZES: Final = {"phone": (390, 844), "desktop": (1280, 800)}
"""Width and height of the two screens that pages are made for, in CSS pixels."""

RESOURCE: Final = "https://notes.example.com/mcp"

SIGN_IN = SignInView(
    action="/sign-in", transaction="tx", csrf="cs", client_name="Claude Code", resource_name="Notes", username=""
)
PROVIDERS = (
    ProviderButton("google", "Google"),
    ProviderButton("staff", "Example Corporation staff accounts", available=False),
)
PROBLEM = message("Incorrect username or password.")
CONSENT = ConsentView(
    action="/consent",
    transaction="tx",
    csrf="cs",
    client_id="own-abcdefghijklm",
    client_name="Claude Code",
    client_host=None,
    redirect_uri="http://127.0.0.1:53682/callback",
    redirect_host="127.0.0.1",
    redirect_is_local=True,
    redirect_is_app_scheme=False,
    resource_name="Notes",
    resource=RESOURCE,
    user=UserView("ada"),
    scopes=(
        ScopeView("notes:read", "Read your notes"),
        ScopeView("notes:write", "Add, change and delete your notes", required=False),
    ),
    switch=SwitchUserForm("/sign-in", "tx", "cs"),
    account_address="/account",
    lifetime=AccessLifetimeView(unused=30 * 86_400, absolute=180 * 86_400),
)
CONSENT_BY_PROVIDER = replace(
    CONSENT,
    user=UserView(
        "ada", "Example Corporation staff accounts", "ada.lovelace.the.countess@analytical.engines.example.org"
    ),
    scopes=(ScopeView("notes:write", "Add, change and delete your notes"),),
    already_granted=(ScopeView("notes:read", "Read your notes"),),
    unavailable=(ScopeView("notes:admin", "Manage the notes of all users"),),
    told=("your e-mail address", "your groups"),
)
CONSENT_NOTHING_LEFT = replace(
    CONSENT,
    scopes=(
        ScopeView("notes:read", "Read your notes", required=False, ticked=False),
        ScopeView(
            "notes:write",
            "Add, change and delete your notes",
            required=False,
            ticked=False,
            includes=("Read your notes",),
        ),
    ),
    told=("your e-mail address",),
    optional_claims=(ClaimView("groups", "your groups"), ClaimView("name", "your name", ticked=False)),
    nothing_left=True,
)
CONSENT_IMITATION = replace(
    CONSENT,
    client_name="Claude",
    redirect_uri="https://client.example/callback",
    redirect_host="client.example",
    redirect_is_local=False,
    scopes=(*CONSENT.scopes, ScopeView("email", "See your e-mail address", required=False)),
    imitation=ImitationView("Claude", "claude.ai"),
)
USER_REFUSED = UserRefusedView(
    title=message("Your account can't use this"),
    message=message("The app asks for access that your account doesn't have:"),
    hint=message("Your administrator decides who gets this access."),
    user=UserView("", "Google", "ada@example.org"),
    unavailable=CONSENT_BY_PROVIDER.unavailable,
    switch=SwitchUserForm("/sign-in", "tx", "cs"),
    onward="https://client.example/callback?error=access_denied",
    onward_host="client.example",
    request_id="abcde23456",
)
ACCOUNT = AccountView(
    address="/account",
    csrf="cs",
    username="ada",
    applications=(
        ApplicationView(
            grant_id="g",
            client_name="Claude",
            client_host="claude.ai",
            redirect_host="claude.ai",
            on_device=False,
            resource_name="Notes",
            scopes=(ScopeView("notes:read", "Read your notes"),),
            since=1_790_000_000,
            used=1_795_000_000,
            refreshed=1_795_000_000,
            address="2001:db8:85a3:8d3:1319:8a2e:370:7348",
        ),
    ),
    now=1_795_415_400,
    identities=IdentitiesView(
        linked=(
            LinkedIdentityView("k", "Google", "ada@example.org", 1_790_000_000, is_current=True, removable=True),
            LinkedIdentityView("l", "GitHub", "ada-lovelace", 1_790_000_000, is_current=False, removable=True),
        ),
        providers=PROVIDERS,
    ),
    sign_in_address="/sign-in",
    unseen_minutes=60,
    browsers=(
        BrowserView("h1", "Chrome", "Windows", "203.0.113.9", 1_795_380_000, 1_795_415_300, is_this=True),
        BrowserView(
            *("h2", "Safari", "iPhone", "2001:db8:85a3:8d3:1319:8a2e:370:7348"),
            *(1_795_390_000, 1_795_400_000),
            is_this=False,
        ),
        BrowserView("h3", "", "", "", 1_795_390_000, 0, is_this=False),
    ),
)
ERROR = ErrorView(
    title=message("This is a problem with the app"),
    message=message("The app asked for something that doesn't work here."),
    hint=message("You did nothing wrong. If it happens again, tell the app's developer."),
    request_id="abcde23456",
    status=400,
    detail="code_challenge is missing (PKCE, RFC 7636).",
)
GOING_ON = ContinueView("cursor://anysphere.cursor-mcp/oauth/callback?code=a", "Cursor", approved=True)
TO_PROVIDER = ProviderRedirectView("https://accounts.example/authorize?state=s", "Google")


@dataclass(frozen=True, slots=True)
class Example:
    """One page in one state."""

    html: str
    headers: Mapping[str, str]


def auth_pages(pages: Pages) -> dict[str, Example]:
    """Every page of auth_service, by name."""
    sign_in, account = SIGN_IN, ACCOUNT
    shown: dict[str, web.Response | StaticPage] = {
        "home": pages.home(HomeView("/account", (ResourceLink("Notes", RESOURCE),))),
        "not-found": pages.not_found(NotFoundView("/", "/account")),
        "sign-in": pages.sign_in(sign_in),
        "sign-in-refused": pages.sign_in(replace(sign_in, username="ada", problem=PROBLEM)),
        "sign-in-providers": pages.sign_in(replace(sign_in, providers=PROVIDERS)),
        "sign-in-providers-first": pages.sign_in(
            replace(
                sign_in,
                providers=PROVIDERS,
                providers_first=True,
                notice=message("You cancelled the sign-in with Google."),
            )
        ),
        "sign-in-no-passwords": pages.sign_in(replace(sign_in, providers=PROVIDERS, passwords=False)),
        "sign-in-one": pages.sign_in(replace(sign_in, providers=PROVIDERS[:1], passwords=False)),
        "to-provider": pages.to_provider(TO_PROVIDER),
        "consent": pages.consent(CONSENT),
        "consent-by-provider": pages.consent(CONSENT_BY_PROVIDER),
        "consent-imitation": pages.consent(CONSENT_IMITATION),
        "consent-nothing-left": pages.consent(CONSENT_NOTHING_LEFT),
        "going-on": pages.continue_to(GOING_ON),
        "going-back": pages.continue_to(ContinueView("https://client.example/callback?error=a", "Claude", False)),
        "user-refused": pages.user_refused(USER_REFUSED),
        "unknown-client": pages.unknown_client(UnknownClientView(ended=True, request_id="abcde23456")),
        "error": pages.error(ERROR),
        "account": pages.account(account),
        "account-ended": pages.account(replace(account, applications=(), notice=AccountNotice.ACCESS_ENDED)),
        "account-refused": pages.account(
            replace(account, password_problem=PasswordProblem(message("That isn't your current password."), "current"))
        ),
        "account-again": pages.account(replace(account, notice=AccountNotice.SIGN_IN_AGAIN)),
        "signed-out": pages.signed_out(SignedOutView("/sign-in", everywhere=True, applications_ended=2)),
    }
    return {name: _example(page) for name, page in shown.items()}


def mcp_pages() -> dict[str, Example]:
    """Every page of mcp_service, by name."""
    public, local = ServicePages.of("Notes", RESOURCE), ServicePages.of("Notes", "http://localhost:9001/mcp")
    return {
        "mcp-server": _example(public.server),
        "mcp-server-local": _example(local.server),
        "mcp-not-found": _example(public.not_found),
    }


def every_page(catalogue: Catalogue = ENGLISH) -> dict[str, Example]:
    """Every page of both services, by name; those of auth_service in this language."""
    return auth_pages(Pages(catalogue=catalogue)) | mcp_pages()


async def show(tab: Page, page: Example) -> None:
    """Show one of the pages in a tab of a browser."""
    await tab.set_content(_REFRESH.sub("", page.html))


def _example(page: web.Response | StaticPage) -> Example:
    body: Any = page.body
    return Example(body.decode(), dict(page.headers))
