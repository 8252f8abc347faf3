"""Sign-in at GitHub: what is asked for, and the identity that comes of it."""

import logging
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import ValidationError

from auth_service.federation.provider import AuthorizationUrlRequest, ProviderDiagnosis, SignInRefused
from tests.auth_service.federation.github.browser import CALLBACK, NOW, READS_ORGANIZATIONS
from tests.auth_service.federation.github.conftest import SECRET
from tests.support.github_model import GitHubUser


def paths_of(github):
    return [request.path for request in github.requests]


async def test_the_account_is_its_numeric_id_at_the_origin(sign_in, github):
    identity = await sign_in()
    assert (identity.provider, identity.issuer, identity.subject) == ("github", github.url, "583231")
    assert (identity.login, identity.name) == ("octocat", "Mona")
    assert identity.authenticated_at == NOW


async def test_the_primary_address_is_taken_if_it_is_verified(sign_in):
    identity = await sign_in()
    assert (identity.email, identity.email_verified) == ("mona@example.com", True)


@pytest.mark.parametrize(
    "emails",
    [
        [],
        [{"email": "mona@example.com", "primary": True, "verified": False}],
        [
            {"email": "mona@example.com", "primary": True, "verified": False},
            {"email": "other@example.com", "primary": False, "verified": True},
        ],
        [{"email": "mona@example.com", "primary": True}],
        [{"email": "mona@example.com", "primary": True, "verified": "true"}],
        [{"email": "mona@example.com", "primary": "yes", "verified": True}],
        [{"email": None, "primary": True, "verified": True}],
        [{"email": "x" * 301, "primary": True, "verified": True}],
    ],
)
@pytest.mark.invariant(13)
async def test_no_other_address_counts_the_public_one_neither(sign_in, github, emails):
    github.user.emails = emails
    identity = await sign_in()
    assert (identity.email, identity.email_verified) == (None, False)


@pytest.mark.invariant(13)
async def test_a_renamed_account_is_the_same_identity(sign_in, github):
    before = await sign_in()
    github.user.login = "octocat-renamed"
    github.user.emails = []
    assert (await sign_in()).key == before.key


@pytest.mark.invariant(13)
async def test_another_account_with_the_login_and_the_address_is_another_identity(sign_in, github):
    before = await sign_in()
    github.user = GitHubUser(999, "octocat", name="Mona", emails=github.user.emails)
    assert (await sign_in()).key != before.key


@pytest.mark.invariant(13)
async def test_an_id_of_another_server_is_another_identity(sign_in, github, http):
    from tests.support.github_model import GitHubModel

    other = GitHubModel(client_id="app-1", client_secret=SECRET)
    other.user = github.user
    await other.start()
    try:
        at_other = type(sign_in)(other, http, client_secret=SECRET)
        assert (await sign_in()).key != (await at_other()).key
    finally:
        await other.stop()


async def test_the_account_is_read_anew_at_each_sign_in(sign_in, github):
    assert (await sign_in()).subject == "583231"
    github.user = GitHubUser(2, "hubot")
    assert (await sign_in()).subject == "2"


async def test_the_browser_is_sent_with_state_and_pkce(sign_in, github):
    url = urlsplit(await sign_in.provider().authorization_url(sign_in.pending(), AuthorizationUrlRequest()))
    query = parse_qs(url.query)
    assert url.path == "/login/oauth/authorize"
    assert query["state"] == ["state-of-this-sign-in"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == [CALLBACK]
    assert query["scope"] == ["user:email"]
    assert sign_in.pending().code_verifier not in url.query
    assert {"login", "prompt", "nonce", "client_secret"}.isdisjoint(query)


async def test_hint_and_reauthentication_are_passed_on(sign_in):
    asked = AuthorizationUrlRequest(login_hint="octocat&state=x", force_reauthentication=True)
    url = urlsplit(await sign_in.provider().authorization_url(sign_in.pending(), asked))
    query = parse_qs(url.query)
    assert (query["login"], query["prompt"]) == (["octocat&state=x"], ["select_account"])
    assert query["state"] == ["state-of-this-sign-in"]


@pytest.mark.parametrize(
    "changes",
    [
        {"allow": {"organizations": ["acme"]}},
        {"allow": {"teams": ["acme/platform"]}},
        {"allow": {"groups": ["organization:11"]}},
        {"deny": {"organizations": ["acme"]}},
        READS_ORGANIZATIONS,
    ],
)
async def test_organizations_are_read_if_a_rule_names_them(sign_in, github, changes):
    identity = await sign_in(**changes)
    assert identity.organizations == ("acme", "globex")
    assert identity.teams == ("acme/platform",)
    assert identity.groups == ("organization:11", "organization:12", "team:21")
    assert identity.groups_complete


async def test_organizations_are_not_asked_for_otherwise(sign_in, github):
    identity = await sign_in()
    assert (identity.organizations, identity.teams, identity.groups) == ((), (), ())
    assert not identity.groups_complete
    assert paths_of(github)[2:] == ["/api/v3/user", "/api/v3/user/emails"]


async def test_the_user_can_leave_scopes_out(sign_in, github):
    """GitHub shows them as one, but a token may have fewer than were asked for (its documentation says to check)."""
    github.granted = []
    identity = await sign_in(**READS_ORGANIZATIONS)
    assert (identity.subject, identity.email, identity.email_verified) == ("583231", None, False)
    assert not identity.groups_complete
    assert paths_of(github)[2:] == ["/api/v3/user"]


async def test_a_wider_scope_includes_the_one_that_was_asked_for(sign_in, github):
    github.granted = ["user", "admin:org"]
    identity = await sign_in(**READS_ORGANIZATIONS)
    assert identity.email == "mona@example.com"
    assert identity.groups_complete


async def test_all_pages_are_read(sign_in, github):
    github.page_size = 3
    github.user.organizations = {f"org-{number}": number + 1 for number in range(10)}
    identity = await sign_in(**READS_ORGANIZATIONS)
    assert len(identity.organizations) == 10
    assert identity.groups_complete


async def test_a_user_who_declines_is_no_error(sign_in, github):
    github.declines = True
    provider = sign_in.provider()
    with pytest.raises(SignInRefused) as refusal:
        await provider.identify(sign_in.pending(), await sign_in.callback(provider))
    assert refusal.value.cancelled


async def test_github_names_itself_in_its_response(sign_in, github):
    parameters = await sign_in.callback(sign_in.provider())
    assert parameters["iss"] == f"{github.url}/login/oauth"


async def test_a_server_that_does_not_name_itself_is_accepted(sign_in):
    provider = sign_in.provider()
    parameters = await sign_in.callback(provider)
    del parameters["iss"]
    assert await provider.identify(sign_in.pending(), parameters)


@pytest.mark.parametrize(
    ("origin", "api", "wanted"),
    [
        ("https://github.com", None, "https://api.github.com"),
        ("https://github.example.com", None, "https://github.example.com/api/v3"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com", "https://api.acme.ghe.com"),
    ],
)
def test_the_api_is_that_of_the_server(sign_in, origin, api, wanted):
    assert sign_in.provider(origin=origin, api=api)._api == wanted


@pytest.mark.parametrize(
    "changes",
    [
        {"origin": "https://github.com/"},
        {"origin": "https://github.com/login"},
        {"origin": "http://github.example.com"},
        {"origin": "github.com"},
        {"api": "https://api.github.com/"},
        {"api": "https://api.github.com?x=1"},
        {"api": "http://api.github.example.com"},
        {"client_secret": None},
    ],
)
def test_an_unsafe_entry_is_refused(sign_in, changes):
    with pytest.raises(ValidationError):
        sign_in.provider(**changes)


@pytest.mark.invariant(9)
async def test_token_and_secret_are_in_no_log_and_in_no_identity(sign_in, github, caplog):
    caplog.set_level(logging.DEBUG)
    identity = await sign_in(**READS_ORGANIZATIONS)
    (token,) = github.issued
    for secret in (token, SECRET, sign_in.pending().code_verifier):
        assert secret not in caplog.text
        assert secret not in repr(identity)


async def test_the_operator_is_told_of_a_server_that_cannot_be_reached(sign_in, github):
    provider = sign_in.provider()
    assert await provider.diagnose() == ProviderDiagnosis()
    await github.stop()
    assert len((await provider.diagnose()).problems) == 2
