import re
from dataclasses import fields, replace
from gettext import NullTranslations
from importlib import resources
from typing import Any

import pytest
from markupsafe import escape

from auth_service.pages.account_views import (
    AccountNotice,
    AccountView,
    ApplicationView,
    BrowserView,
    IdentitiesView,
    LinkedIdentityView,
    SignedOutView,
)
from auth_service.pages.appearance import Appearance
from auth_service.pages.catalogue import Catalogue
from auth_service.pages.client_reset_instructions import RESET_INSTRUCTIONS
from auth_service.pages.consent_views import AccessLifetimeView, ConsentView, ImitationView
from auth_service.pages.renderer import Pages
from auth_service.pages.views import (
    ContinueView,
    ErrorView,
    ProviderButton,
    ProviderRedirectView,
    ScopeView,
    SignInView,
    SwitchUserForm,
    UnknownClientView,
    UserRefusedView,
    UserView,
)
from auth_service.texts import message
from shared.errors import ServiceUnavailable
from tests.support.every_page import auth_pages

SIGN_IN = SignInView(
    action="/sign-in", transaction="tx", csrf="cs", client_name="Claude", resource_name="Notes", username=""
)
CONSENT = ConsentView(
    action="/consent",
    transaction="tx",
    csrf="cs",
    client_id="https://claude.ai/oauth/mcp-oauth-client-metadata",
    client_name="Claude",
    client_host="claude.ai",
    redirect_uri="https://claude.com/api/mcp/auth_callback",
    redirect_host="claude.com",
    redirect_is_local=False,
    redirect_is_app_scheme=False,
    resource_name="Notes",
    resource="https://notes.example.com/mcp",
    user=UserView("ada"),
    scopes=(ScopeView("notes:read", "Read your notes"),),
)
CONTINUE = ContinueView("https://claude.ai/api/mcp/auth_callback?code=abc&state=x", "Claude", approved=True)
REFUSED = UserRefusedView(
    title=message("Your account can't use this"),
    message=message("The app asks for access that your account doesn't have:"),
    hint=message("Your administrator decides."),
    user=UserView("", "Acme", "ada@example.org"),
    unavailable=(ScopeView("notes:admin", "Manage notes"),),
    switch=SwitchUserForm("/sign-in", "tx", "cs"),
    onward="https://claude.ai/api/mcp/auth_callback?error=access_denied",
    onward_host="claude.ai",
    request_id="abcde23456",
)
ERROR = ErrorView(
    message("Not known here"), message("The app is not known."), message("Connect it again."), "abcde23456", 400
)
UNKNOWN = UnknownClientView(ended=True, request_id="abcde23456")
SIGNED_OUT = SignedOutView("/sign-in", everywhere=False)
APPLICATION = ApplicationView(
    grant_id="g1",
    client_name="Claude",
    client_host="claude.ai",
    redirect_host="claude.com",
    on_device=False,
    resource_name="Notes",
    scopes=(ScopeView("notes:read", "Read your notes"),),
    since=1_790_000_000,
    used=1_795_415_000,
    refreshed=1_795_000_000,
    address="203.0.113.9",
)
ACCOUNT = AccountView(
    address="/account",
    csrf="cs",
    username="ada",
    applications=(APPLICATION,),
    now=1_795_415_400,
    identities=IdentitiesView(
        linked=(LinkedIdentityView("k", "Acme", "ada@example.org", 1_790_000_000, is_current=True, removable=True),),
        providers=(ProviderButton("acme", "Acme"), ProviderButton("globex", "Globex", available=False)),
    ),
    unseen_minutes=60,
    browsers=(
        BrowserView("h1", "Chrome", "Windows", "198.51.100.1", 1_795_380_000, 1_795_415_300, is_this=True),
        BrowserView("h2", "Safari", "iPhone", "198.51.100.2", 1_795_390_000, 1_795_400_000, is_this=False),
    ),
)
PROVIDERS = replace(
    SIGN_IN,
    providers=ACCOUNT.identities.providers,
    notice=message("Acme isn't responding."),
    request_id="abcde23456",
)
TO_PROVIDER = ProviderRedirectView("https://acme.example/authorize?state=s&nonce=n", "Acme")

SHOW_PASSWORD = resources.files("auth_service.pages").joinpath("static/show_password.js").read_text("utf-8")

VALUES = {
    "Sallyport", "Claude Code", "Claude", "claude.ai", "Notes", "Read your notes", "notes:read", "Google", "GitHub",
    "Example Corporation staff accounts", "ada@example.org", "ada-lovelace", "ada", "203.0.113.9", "abcde23456",
    "2001:db8:85a3:8d3:1319:8a2e:370:7348", "Chrome", "Windows", "Safari", "iPhone", "client.example", "Cursor",
    "Manage the notes of all users", "notes:admin", "https://notes.example.com/mcp",
    "code_challenge is missing (PKCE, RFC 7636).",
    *(instruction.client for instruction in RESET_INSTRUCTIONS),
    *(instruction.command for instruction in RESET_INSTRUCTIONS),
}  # fmt: skip

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> \u202e\u2066\u200b\x00{{ 7*7 }}{% raw %}"


@pytest.fixture(scope="module")
def pages():
    return Pages()


def hostile(view):
    """The view with every text in it replaced by the worst one."""
    changed: dict[str, Any] = {f.name: HOSTILE for f in fields(view) if isinstance(getattr(view, f.name), str)}
    if isinstance(view, ConsentView | UserRefusedView):
        changed |= {"user": hostile(view.user), "unavailable": (ScopeView(HOSTILE, HOSTILE),)}
    if isinstance(view, UserRefusedView):
        changed["onward"] = REFUSED.onward
    if isinstance(view, ConsentView):
        changed |= {
            "imitation": ImitationView(HOSTILE, HOSTILE),
            "told": (HOSTILE,),
            "scopes": (ScopeView(HOSTILE, HOSTILE),),
            "already_granted": (ScopeView(HOSTILE, HOSTILE),),
        }
    if isinstance(view, ContinueView | ProviderRedirectView):
        changed.pop("location")
    if isinstance(view, SignInView):
        changed["providers"] = (hostile(ProviderButton("a", "A")),)
    if isinstance(view, ErrorView):
        changed["onward"] = "https://client.example/?a='&b=1"
    if isinstance(view, AccountView):
        identities = IdentitiesView((hostile(ACCOUNT.identities.linked[0]),), (hostile(ProviderButton("a", "A")),))
        changed |= {"applications": (hostile(APPLICATION),), "identities": identities}
        changed.pop("notice")
    if isinstance(view, ApplicationView):
        changed["scopes"] = (ScopeView(HOSTILE, HOSTILE),)
    return replace(view, **changed)


@pytest.mark.parametrize(
    "render",
    [
        lambda p: p.sign_in(hostile(SIGN_IN)),
        lambda p: p.sign_in(hostile(PROVIDERS)),
        lambda p: p.to_provider(hostile(TO_PROVIDER)),
        lambda p: p.consent(hostile(CONSENT)),
        lambda p: p.consent(replace(hostile(CONSENT), client_host=None, redirect_is_local=True)),
        lambda p: p.continue_to(hostile(CONTINUE)),
        lambda p: p.consent(replace(hostile(CONSENT), user=hostile(UserView("ada", "Acme", "ada@example.org")))),
        lambda p: p.user_refused(hostile(REFUSED)),
        lambda p: p.error(hostile(ERROR)),
        lambda p: p.account(hostile(ACCOUNT)),
        lambda p: p.signed_out(hostile(SIGNED_OUT)),
        lambda p: p.unknown_client(hostile(UNKNOWN)),
    ],
)
def test_no_text_of_a_view_becomes_markup_or_hides_itself(pages, render):
    text = render(pages).text.replace(f"<script>{SHOW_PASSWORD}</script>", "")
    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text
    assert "{{ 7*7 }}" in text or "{{7*7}}" in text or "…" in text
    assert "49" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert not set("\u202e\u2066\u200b\x00") & set(text)


def test_the_sign_in_form_has_the_inputs_that_others_rely_on(pages):
    text = pages.sign_in(SIGN_IN).text
    assert re.search(r'<form method="post" action="/sign-in">', text)
    for name, kind, autocomplete in [
        ("username", "text", "username"),
        ("password", "password", "current-password"),
    ]:
        (field,) = re.findall(rf'<input [^>]*name="{name}"[^>]*>', text)
        assert f'type="{kind}"' in field
        assert f'autocomplete="{autocomplete}"' in field
        assert f'<label for="{name}">' in text
    assert '<input type="hidden" name="transaction" value="tx">' in text
    assert '<input type="hidden" name="csrf" value="cs">' in text


def test_a_refused_sign_in_says_so_beside_the_fields_and_keeps_the_name_alone(pages):
    response = pages.sign_in(replace(SIGN_IN, username="ada", problem=message("Wrong name or password.")), status=401)
    assert response.status == 401
    assert "Wrong name or password." in response.text
    assert response.text.count('aria-describedby="problem"') == 2
    assert 'value="ada"' in response.text
    assert re.search(r'name="password"[^>]*value=', response.text) is None
    assert re.search(r'name="password"[^>]*autofocus', response.text)
    assert "<title>Not signed in" in response.text


def test_the_sign_in_page_leads_to_help_with_a_forgotten_password_where_there_is_some(pages):
    assert "Forgot" not in pages.sign_in(SIGN_IN).text
    helped = Pages(Appearance(forgot_password="https://example.com/reset?a=1&b=2"))
    link = '<a href="https://example.com/reset?a=1&amp;b=2" rel="noreferrer">Forgot your password?</a>'
    assert link in (helped.sign_in(SIGN_IN).text or "")
    assert link not in (helped.sign_in(replace(PROVIDERS, passwords=False)).text or "")


def test_a_provider_that_rejects_the_client_is_not_said_to_be_silent(pages):
    providers = (ProviderButton("acme", "Acme", available=False, rejects_client=True),)
    account = replace(ACCOUNT, identities=replace(ACCOUNT.identities, providers=providers))
    for page in (pages.sign_in(replace(SIGN_IN, providers=providers)), pages.account(account)):
        assert "isn't set up correctly</span>" in page.text
        assert "isn't responding" not in page.text


@pytest.mark.parametrize("first", [False, True])
def test_providers_have_a_form_of_their_own_so_that_enter_in_the_password_field_presses_none(pages, first):
    text = pages.sign_in(replace(PROVIDERS, providers_first=first)).text
    forms = re.findall(r"<form.*?</form>", text, re.DOTALL)
    assert len(forms) == 2
    of_password, of_providers = reversed(forms) if first else forms
    assert 'name="password"' in of_password
    assert 'name="provider"' not in of_password
    assert re.findall(r'type="submit" name="provider" value="(\w+)"', of_providers) == ["acme", "globex"]
    assert "required" not in of_providers
    assert text.count("isn't responding</span>") == 1
    assert ("autofocus" in of_password) is not first


def test_without_passwords_there_are_buttons_only(pages):
    text = pages.sign_in(replace(PROVIDERS, passwords=False)).text
    assert 'name="provider" value="acme"' in text
    assert "<input" not in text.replace('<input type="hidden"', "")
    assert "<script" not in text
    assert 'class="button"' in text
    assert (
        'class="button main"'
        in pages.sign_in(replace(PROVIDERS, passwords=False, providers=PROVIDERS.providers[:1])).text
    )


def test_the_consent_form_can_be_answered_in_two_ways(pages):
    text = pages.consent(CONSENT).text
    assert re.findall(r'<button [^>]*type="submit" name="decision" value="(\w+)"', text) == ["deny", "approve"]


@pytest.mark.invariant(7)
def test_the_consent_page_always_shows_where_the_answer_goes(pages):
    changes: list[dict[str, Any]] = [{}, {"verified": True}, {"client_host": None}, {"redirect_is_local": True}]
    for change in changes:
        assert '<code class="host">claude.com</code>' in pages.consent(replace(CONSENT, **change)).text


def outside_of_details(text):
    return re.sub(r"<details.*?</details>", "", text, flags=re.DOTALL)


@pytest.mark.invariant(7)
def test_the_host_of_the_answer_stands_beside_the_buttons_and_not_in_the_fold(pages):
    for change in ({}, {"imitation": ImitationView("Claude", "claude.ai")}, {"redirect_is_app_scheme": True}):
        text = pages.consent(replace(CONSENT, **change)).text
        (decision,) = re.findall(r'<form [^>]*id="decision".*?</form>', text, re.DOTALL)
        assert '<code class="host">claude.com</code>' in decision
        assert "<details" not in decision


def test_addresses_and_names_of_scopes_are_in_the_fold(pages):
    text = pages.consent(replace(CONSENT, already_granted=(ScopeView("notes:list", "List your notes"),))).text
    (fold,) = re.findall(r"<details.*?</details>", text, re.DOTALL)
    for shown in (CONSENT.redirect_uri, CONSENT.resource, CONSENT.client_id, "notes:read", "notes:list"):
        assert f"<code>{shown}</code>" in fold
        assert shown not in outside_of_details(text)


def test_the_page_says_who_verified_the_name_or_that_nobody_did(pages):
    assert "Verified by <code>claude.ai</code>." in pages.consent(CONSENT).text
    operator = pages.consent(replace(CONSENT, client_host=None, verified=True)).text
    assert "Added by the operator of this service." in operator
    nobody = pages.consent(replace(CONSENT, client_host=None)).text
    assert "Unverified app." in nobody
    assert "Unverified app." not in pages.consent(CONSENT).text + operator


def test_an_answer_that_stays_on_the_device_comes_with_a_warning_even_for_a_verified_name(pages):
    assert 'class="identity calm"' in pages.consent(CONSENT).text
    on_device = replace(CONSENT, redirect_is_local=True)
    for view, reason in (
        (on_device, "It could be any program."),
        (replace(on_device, redirect_is_app_scheme=True), "Another app could have claimed this address."),
    ):
        text = pages.consent(view).text
        assert 'class="identity careful"' in text
        assert " on this device." in text
        assert reason in text
        assert reason not in pages.consent(CONSENT).text


@pytest.mark.parametrize("local", [False, True])
def test_a_name_that_imitates_is_warned_of_instead(pages, local):
    imitation = ImitationView("Claude", "claude.ai")
    text = pages.consent(
        replace(CONSENT, client_host="evil.example", imitation=imitation, redirect_is_local=local)
    ).text
    assert 'class="identity wrong"' in text
    assert "This may not be Claude." in text
    assert "Claude itself is at <code>claude.ai</code>." in text
    assert text.count("Allow this only if") == 1
    assert (" on this device." in text) is local


def test_only_a_known_client_with_a_verified_host_has_a_letter_in_colour(pages):
    assert '<rect width="40" height="40" rx="10"/>' in pages.consent(CONSENT).text
    text = pages.consent(replace(CONSENT, letter_colour="#b5522f")).text
    assert '<rect width="40" height="40" rx="10" fill="#b5522f"/>' in text
    assert re.search(r"<text [^>]*>C</text>", text)


@pytest.mark.parametrize(
    ("lifetime", "words"),
    [
        ((30, 180), "It ends by itself after 30 days without use, and after 180 days at the latest."),
        ((1, 1), "It ends by itself after 1 day."),
    ],
)
def test_the_page_says_how_long_access_lasts(pages, lifetime, words):
    unused, absolute = (days * 86_400 for days in lifetime)
    text = pages.consent(replace(CONSENT, lifetime=AccessLifetimeView(unused, absolute))).text
    assert words in text
    assert "ends by itself" not in pages.consent(CONSENT).text


def test_a_scope_that_is_not_required_is_a_ticked_checkbox_of_the_decision(pages):
    scopes = (ScopeView("notes:read", "Read your notes"), ScopeView("notes:write", "Write notes", required=False))
    text = pages.consent(replace(CONSENT, scopes=scopes)).text
    assert re.findall(r'<input type="checkbox"[^>]*>', text) == [
        '<input type="checkbox" name="scope" value="notes:write" form="decision" checked>'
    ]
    assert '<form method="post" action="/consent" id="decision"' in text


def test_scopes_already_granted_stand_apart(pages):
    text = outside_of_details(
        pages.consent(replace(CONSENT, already_granted=(ScopeView("notes:write", "Change your notes"),))).text
    )
    new, old = text.split("Already allowed")
    assert "Read your notes" in new
    assert "Change your notes" in old


def test_a_long_name_is_cut_and_a_long_host_is_not(pages):
    host = "accounts.bank.example." + "a" * 60 + ".evil.example"
    text = pages.consent(replace(CONSENT, client_name="W" * 4000, redirect_host=host)).text
    assert "W" * 61 not in text
    assert host in text


def test_the_consent_page_names_the_provider_the_user_there_and_the_account_if_it_says_more(pages):
    def lead(user):
        text = re.search(r'<p class="fine">(.*?)</p>', pages.consent(replace(CONSENT, user=user)).text, re.DOTALL)[1]
        return " ".join(re.sub(r"<[^>]*>", "", text).split())

    assert lead(UserView("ada")) == "Signed in as ada."
    assert lead(UserView("", "Acme", "ada@example.org")) == "Signed in with Acme as ada@example.org."
    told = "Signed in with Acme as ada@example.org. Your account here is ada."
    assert lead(UserView("ada", "Acme", "ada@example.org")) == told


@pytest.mark.parametrize("name", ["", "\u202e\u200b\u2800", "\u0301" * 5000])
def test_an_identity_without_a_visible_name_is_called_one_without_a_name(pages, name):
    text = pages.consent(replace(CONSENT, user=UserView("", "Acme", name))).text
    assert text.count("\u0301") <= 3
    assert ("a user without a name" in text) == ("\u0301" not in name)


def test_names_of_a_provider_are_cut_on_every_page(pages):
    long = UserView("W" * 4000, "W" * 4000, "W" * 4000)
    linked = replace(ACCOUNT.identities.linked[0], account_name="W" * 4000, provider_name="W" * 4000)
    shown = [
        pages.consent(replace(CONSENT, user=long)),
        pages.user_refused(replace(REFUSED, user=long)),
        pages.account(replace(ACCOUNT, identities=IdentitiesView((linked,), (ProviderButton("a", "W" * 4000),)))),
    ]
    assert not any("W" * 61 in page.text for page in shown)


def test_a_user_who_cannot_decide_can_sign_in_as_another_or_go_back(pages):
    text = pages.user_refused(REFUSED).text
    (form,) = re.findall(r'<form method="post" action="/sign-in">.*?</form>', text, re.DOTALL)
    assert re.findall(r'name="(\w+)" value="(\w+)"', form) == [
        ("transaction", "tx"),
        ("csrf", "cs"),
        ("switch", "user"),
    ]
    assert f'href="{escape(REFUSED.onward)}"' in text
    assert "Manage notes" in text


def test_a_client_without_a_visible_name_is_called_one_without_a_name(pages):
    assert (
        "This will let <strong><bdi>an unnamed app</bdi></strong> use"
        in pages.consent(replace(CONSENT, client_name="\u202e\u200b")).text
    )


@pytest.mark.parametrize(
    "location",
    [
        "https://claude.ai/api/mcp/auth_callback?code=a&state=b%20c",
        "http://127.0.0.1:33418/?code=a",
        "http://[::1]:5000/callback?code=a",
        "https://x.example/?a=b'c",
        "cursor://anysphere.cursor-mcp/oauth/callback?code=a;b&iss=https%3A%2F%2Fx",
    ],
)
def test_a_decision_goes_on_by_itself_and_by_a_link(pages, location):
    response = pages.continue_to(replace(CONTINUE, location=location))
    escaped = str(escape(location))
    assert response.status == 200
    assert f'<meta http-equiv="refresh" content="0; url={escaped}">' in response.text
    assert f'href="{escaped}"' in response.text


@pytest.mark.parametrize(
    "location",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "data:text/html,x",
        "//evil.example",
        "/relative",
        "",
        "https://x.example/ y",
        'https://x.example/"',
        "https://x.example/\r\nSet-Cookie:a=b",
        "https:///x",
        "cursor://münchen",
    ],
)
def test_an_address_that_no_check_lets_through_is_a_fault(pages, location):
    with pytest.raises(ServiceUnavailable):
        pages.continue_to(replace(CONTINUE, location=location))
    if location:
        with pytest.raises(ServiceUnavailable):
            pages.error(replace(ERROR, onward=location, onward_host="x.example"))


def test_a_denial_says_that_nothing_was_given(pages):
    text = pages.continue_to(replace(CONTINUE, approved=False)).text
    assert "Access denied" in text
    assert "Access allowed" not in text


def test_an_app_or_a_program_on_the_device_leaves_a_window_that_can_be_closed(pages):
    title = re.compile(r"<title>(.*?)</title>")
    assert "close this window" not in title.search(pages.continue_to(CONTINUE).text)[1]
    for location in ["cursor://x/y?code=a", "http://localhost:1234/cb?code=a"]:
        assert "close this window" in title.search(pages.continue_to(replace(CONTINUE, location=location)).text)[1]


def test_an_error_shows_its_request_id_and_carries_its_status(pages):
    response = pages.error(replace(ERROR, status=503))
    assert response.status == 503
    assert "abcde23456" in response.text


def test_the_pages_of_a_client_s_flow_keep_the_window_that_opened_them(pages):
    of_no_flow = re.compile("account|signed-out|home|not-found")
    for name, page in auth_pages(pages).items():
        assert ("Cross-Origin-Opener-Policy" in page.headers) == bool(of_no_flow.match(name)), name


def test_only_pages_with_forms_may_send_any_and_only_home(pages):
    for name, page in auth_pages(pages).items():
        target = "'self'" if "<form" in page.html else "'none'"
        assert f"form-action {target}" in page.headers["Content-Security-Policy"], name


def test_the_account_page_tells_of_each_application_what_since_when_and_from_where(pages):
    text = pages.account(ACCOUNT).text
    for told in [
        "Claude",
        "Notes",
        "Read your notes",
        "21 September 2026",
        "6 minutes ago",
        "203.0.113.9",
        "claude.com",
    ]:
        assert told in text
    assert 'datetime="2026-11-23T06:23:20Z"' in text
    assert '<input type="hidden" name="grant" value="g1">' in text


def test_the_account_page_says_whether_a_name_is_verified(pages):
    def text(**change):
        return pages.account(replace(ACCOUNT, applications=(replace(APPLICATION, **change),))).text

    assert "Verified by <bdi>claude.ai</bdi>" in text()
    assert "Not verified" in text(client_host=None)
    assert "Added by your administrator" in text(verified=True)
    assert '<code dir="ltr">cursor://</code> (an app on a device)' in text(redirect_host="cursor://", on_device=True)


def test_every_form_of_the_account_page_carries_the_csrf_value(pages):
    text = pages.account(ACCOUNT).text
    assert text.count("<form") == text.count('<input type="hidden" name="csrf" value="cs">') == 8


def test_the_account_page_tells_what_the_last_step_did(pages):
    assert 'role="status"' not in pages.account(ACCOUNT).text
    assert "Access removed." in pages.account(replace(ACCOUNT, notice=AccountNotice.ACCESS_ENDED)).text
    assert "Password changed." in pages.account(replace(ACCOUNT, notice=AccountNotice.PASSWORD_CHANGED)).text


def test_a_stale_registration_is_explained_client_by_client(pages):
    text = pages.unknown_client(UNKNOWN).text
    for instruction in RESET_INSTRUCTIONS:
        assert instruction.client in text
        assert instruction.command in text
    assert text != pages.unknown_client(replace(UNKNOWN, ended=False)).text


class Bracketed(NullTranslations):
    """Every text in brackets."""

    def gettext(self, message):
        return f"«{message}»"

    def ngettext(self, msgid1, msgid2, n):
        return self.gettext(msgid1 if n == 1 else msgid2)


@pytest.mark.parametrize("name", sorted(name for name in auth_pages(Pages()) if not name.startswith("consent")))
def test_every_text_of_a_page_is_in_the_catalogue(name):
    text = auth_pages(Pages(catalogue=Catalogue(Bracketed(), language="en")))[name].html
    words = re.sub(r"<(style|script)>.*?</\1>|<[^>]*>", " ", text, flags=re.DOTALL)
    while (outside := re.sub(r"«[^«»]*»", "", words)) != words:
        words = outside
    for value in sorted(VALUES, key=len, reverse=True):
        words = words.replace(value, "")
    assert re.findall(r"\w+", words) == []


def test_another_name_and_colour_are_on_every_page():
    pages = Pages(Appearance(product_name="Gate & Co", accent="#7a1f5c"))
    for name, page in auth_pages(pages).items():
        assert "Gate &amp; Co" in page.html, name
        assert "Sallyport" not in page.html, name
        assert "--accent:#7a1f5c" in page.html, name
