"""The pages behind a server of a few lines, on one origin, and a client's callback on another."""

from dataclasses import dataclass, field, replace

import pytest
from aiohttp import web

from auth_service.pages.catalogue import ENGLISH
from auth_service.pages.renderer import Pages
from auth_service.pages.views import (
    AccountNotice,
    AccountView,
    ApplicationView,
    BrowserView,
    ConsentView,
    ContinueView,
    ErrorView,
    IdentitiesView,
    LinkedIdentityView,
    PasswordProblem,
    ProviderButton,
    ProviderRedirectView,
    ScopeView,
    SignedOutView,
    SignInView,
    SwitchUserForm,
    UnknownClientView,
    UserRefusedView,
    UserView,
)
from auth_service.texts import message

SIGN_IN = SignInView(
    action="/sign-in", transaction="tx", csrf="cs", client_name="Claude Code", resource_name="Notes", username=""
)
PROVIDERS = (
    ProviderButton("google", "Google"),
    ProviderButton("staff", "Example Corporation staff accounts", available=False),
)
CONSENT = ConsentView(
    action="/consent",
    transaction="tx",
    csrf="cs",
    client_name="Claude Code",
    client_host=None,
    redirect_host="127.0.0.1",
    redirect_is_local=True,
    redirect_is_app_scheme=False,
    resource_name="Notes",
    resource="https://notes.example.com/mcp",
    user=UserView("ada"),
    scopes=(ScopeView("notes:write", "Add, change and delete your notes"),),
    already_granted=(ScopeView("notes:read", "Read your notes"),),
    switch=SwitchUserForm("/sign-in", "tx", "cs"),
    account_address="/account",
)
BY_PROVIDER = replace(
    CONSENT,
    user=UserView(
        "ada", "Example Corporation staff accounts", "ada.lovelace.the.countess@analytical.engines.example.org"
    ),
    unavailable=(ScopeView("notes:admin", "Manage the notes of all users"),),
    told=("your e-mail address", "your groups"),
)
USER_REFUSED = UserRefusedView(
    title=message("Your account can't use this"),
    message=message("The app asks for access that your account doesn't have:"),
    hint=message("Your administrator decides who gets this access."),
    user=UserView("", "Google", "ada@example.org"),
    unavailable=BY_PROVIDER.unavailable,
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
ICON = "<link rel=icon href=data:,>"
"""Keeps the browser from asking a client's server for one."""
PROBLEM = message("Incorrect username or password.")


@dataclass
class Door:
    """Where the pages are served, and what was posted to them."""

    origin: str = ""
    goes_on_to: str = ""
    redirects: bool = False
    """Answer a decision with a redirect, as we do not."""
    posted: list[dict[str, str]] = field(default_factory=list)


@pytest.fixture
def catalogue():
    """The language of the pages."""
    return ENGLISH


@pytest.fixture
async def door(aiohttp_server, catalogue):
    pages, door = Pages(catalogue=catalogue), Door()

    async def sign_in(request: web.Request) -> web.Response:
        if request.method == "GET":
            return pages.sign_in(SIGN_IN)
        form = {name: str(value) for name, value in (await request.post()).items()}
        door.posted.append(form)
        if form["password"] != "right":
            return pages.sign_in(replace(SIGN_IN, username=form["username"], problem=PROBLEM))
        raise web.HTTPSeeOther("/consent")

    async def consent(request: web.Request) -> web.Response:
        if request.method == "GET":
            return pages.consent(CONSENT)
        form = {name: str(value) for name, value in (await request.post()).items()}
        door.posted.append(form)
        if door.redirects:
            raise web.HTTPSeeOther(door.goes_on_to)
        return pages.continue_to(ContinueView(door.goes_on_to, "Claude Code", form["decision"] == "approve"))

    async def error(_request: web.Request) -> web.Response:
        return pages.error(ERROR)

    async def going_on(_request: web.Request) -> web.Response:
        return pages.continue_to(ContinueView("cursor://anysphere.cursor-mcp/oauth/callback?code=a", "Cursor", True))

    app = web.Application()
    app.router.add_route("*", "/sign-in", sign_in)
    app.router.add_route("*", "/consent", consent)
    app.router.add_get("/error", error)
    app.router.add_get("/going-on", going_on)
    other = {
        "/account": pages.account(replace(ACCOUNT, notice=AccountNotice.ACCESS_ENDED)),
        "/account-refused": pages.account(
            replace(ACCOUNT, password_problem=PasswordProblem(message("That isn't your current password."), "current"))
        ),
        "/consent-by-provider": pages.consent(BY_PROVIDER),
        "/user-refused": pages.user_refused(USER_REFUSED),
        "/unknown-client": pages.unknown_client(UnknownClientView(ended=True, request_id="abcde23456")),
        "/sign-in-providers": pages.sign_in(replace(SIGN_IN, providers=PROVIDERS)),
        "/sign-in-providers-first": pages.sign_in(
            replace(
                SIGN_IN,
                providers=PROVIDERS,
                providers_first=True,
                notice=message("You cancelled the sign-in with Google."),
            )
        ),
        "/sign-in-no-passwords": pages.sign_in(replace(SIGN_IN, providers=PROVIDERS, passwords=False)),
        "/sign-in-one": pages.sign_in(replace(SIGN_IN, providers=PROVIDERS[:1], passwords=False)),
        "/account-again": pages.account(replace(ACCOUNT, notice=AccountNotice.SIGN_IN_AGAIN)),
        "/to-provider": pages.to_provider(ProviderRedirectView("http://localhost:1/never", "Google")),
        "/signed-out": pages.signed_out(SignedOutView("/sign-in", everywhere=True, applications_ended=2)),
    }
    for address, page in other.items():
        app.router.add_get(address, _show(page.text, page.headers))
    server = await aiohttp_server(app)
    door.origin = f"http://localhost:{server.port}"
    return door


def _show(text, headers):
    async def show(_request: web.Request) -> web.Response:
        return web.Response(text=text, headers=headers)

    return show


@pytest.fixture
async def client_origin(aiohttp_server):
    """A client's web server: a page that opens the flow in a popup, and the callback that reports back to it."""

    async def callback(request: web.Request) -> web.Response:
        return web.Response(
            text=f"{ICON}<title>arrived</title><p id=q>{request.query_string}</p>"
            "<script>if (window.opener) window.opener.postMessage(location.search, '*')</script>",
            content_type="text/html",
        )

    async def opener(_request: web.Request) -> web.Response:
        return web.Response(
            text=f"{ICON}<title>waiting</title>"
            "<script>addEventListener('message', e => document.title = e.data)</script>"
            "<button onclick=\"window.open(location.hash.slice(1), 'flow')\">Connect</button>",
            content_type="text/html",
        )

    async def frame(request: web.Request) -> web.Response:
        return web.Response(text=f"{ICON}<iframe src={request.query_string}></iframe>", content_type="text/html")

    async def hop(request: web.Request) -> web.Response:
        raise web.HTTPFound(f"http://localhost:{request.url.port}/callback?{request.query_string}")

    app = web.Application()
    app.router.add_get("/hop", hop)
    app.router.add_get("/frame", frame)
    app.router.add_get("/callback", callback)
    app.router.add_get("/", opener)
    server = await aiohttp_server(app)
    return f"http://127.0.0.1:{server.port}"
