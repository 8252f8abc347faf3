"""Invalid responses of GitHub: none signs the wrong user in, or grants access on incomplete memberships."""

import asyncio

import pytest
from aiohttp import web

from auth_service.federation.access_rules import IdentityConditions, refusal
from auth_service.federation.github import provider, responses
from auth_service.federation.identity import MAX_GROUPS
from auth_service.federation.provider import ClientRejected, ProviderUnavailable, SignInRefused
from tests.auth_service.federation.github.browser import READS_ORGANIZATIONS
from tests.support.github_model import GitHubModel

EVERYONE = IdentityConditions(everyone=True)
TOKEN = {"access_token": "gho_x", "token_type": "bearer", "scope": "user:email"}


@pytest.mark.parametrize(
    "identifier", ["583231", True, 0, -1, None, 583231.0, [583231], {"id": 1}, 1 << 63, "missing"], ids=repr
)
@pytest.mark.invariant(13)
async def test_an_account_without_a_numeric_id_is_refused(sign_in, github, identifier):
    account = github.user.as_json() | {"id": identifier}
    if identifier == "missing":
        del account["id"]
    github.replace("/user", data=account)
    with pytest.raises(ProviderUnavailable):
        await sign_in()


@pytest.mark.parametrize("identifier", ["583231", True, 0, -1])
async def test_an_account_without_a_numeric_id_signs_in_without_the_check(monkeypatch, sign_in, github, identifier):
    """The control of the test above."""
    monkeypatch.setattr(responses, "check_id", lambda _: None)
    github.replace("/user", data=github.user.as_json() | {"id": identifier})
    assert await sign_in()


@pytest.mark.parametrize("kind", ["Organization", "Bot", None, 1])
async def test_only_a_user_account_signs_in(monkeypatch, sign_in, github, kind):
    github.replace("/user", data=github.user.as_json() | {"type": kind})
    with pytest.raises(SignInRefused):
        await sign_in()
    monkeypatch.setattr(responses, "check_kind", lambda _: None)
    assert await sign_in()


async def test_a_code_signs_in_once(sign_in):
    one = sign_in.provider()
    parameters = await sign_in.callback(one)
    assert await one.identify(sign_in.pending(), parameters)
    with pytest.raises(SignInRefused) as refused:
        await one.identify(sign_in.pending(), parameters)
    assert refused.value.error_id == "github_code"


async def test_a_stolen_code_is_worthless_in_another_sign_in(sign_in):
    """PKCE: the verifier of the attacker's sign-in does not fit the challenge of the victim's."""
    one = sign_in.provider()
    stolen = await sign_in.callback(one)
    attackers = sign_in.pending(code_verifier="verifier-of-the-attackers-sign-in-0123456789")
    with pytest.raises(SignInRefused):
        await one.identify(attackers, stolen)


@pytest.mark.parametrize(
    "issuer", ["https://evil.example", "https://github.com", "", "https://evil.example/login/oauth"]
)
async def test_a_response_that_names_another_issuer_is_refused_before_the_code_is_sent(
    monkeypatch, sign_in, github, issuer
):
    one = sign_in.provider()
    parameters = await sign_in.callback(one) | {"iss": issuer}
    with pytest.raises(SignInRefused) as refused:
        await one.identify(sign_in.pending(), parameters)
    assert refused.value.error_id == "github_iss"
    assert [request.path for request in github.requests] == ["/login/oauth/authorize"]
    monkeypatch.setattr(provider, "check_issuer", lambda *_: None)
    assert await one.identify(sign_in.pending(), parameters)


@pytest.mark.parametrize("changes", [{"provider": "other"}, {"issuer": "https://github.com"}])
async def test_a_response_to_a_sign_in_at_another_provider_is_refused(monkeypatch, sign_in, changes):
    one = sign_in.provider()
    parameters = await sign_in.callback(one)
    with pytest.raises(SignInRefused) as refused:
        await one.identify(sign_in.pending(**changes), parameters)
    assert refused.value.error_id == "github_provider"
    monkeypatch.setattr(provider, "check_pending", lambda *_: None)
    assert await one.identify(sign_in.pending(**changes), parameters)


@pytest.mark.parametrize("code", [None, "", "a b", "a\r\nX: y", "x" * 513, "ü"])
async def test_a_response_without_a_valid_code_sends_no_request_to_github(sign_in, github, code):
    with pytest.raises(SignInRefused):
        await sign_in.provider().identify(sign_in.pending(), {} if code is None else {"code": code})
    assert github.requests == []


@pytest.mark.parametrize(
    ("response", "refused"),
    [
        ({"data": {"error": "bad_verification_code"}}, SignInRefused),
        ({"data": {"error": "unverified_user_email"}}, SignInRefused),
        ({"data": {"error": "incorrect_client_credentials"}}, ClientRejected),
        ({"data": {"error": "redirect_uri_mismatch"}}, ClientRejected),
        ({"data": {"error": "of tomorrow"}}, ProviderUnavailable),
        ({"data": {"error": ["incorrect_client_credentials"]}}, ProviderUnavailable),
        ({"data": {"error": "bad_verification_code"} | TOKEN}, SignInRefused),
        ({"data": {}}, ProviderUnavailable),
        ({"data": []}, ProviderUnavailable),
        ({"data": TOKEN | {"access_token": ""}}, ProviderUnavailable),
        ({"data": TOKEN | {"access_token": ["gho_x"]}}, ProviderUnavailable),
        ({"data": TOKEN | {"access_token": "gho_x\r\nX-Evil: 1"}}, ProviderUnavailable),
        ({"data": TOKEN | {"access_token": "x" * 2001}}, ProviderUnavailable),
        ({"data": TOKEN | {"token_type": "mac"}}, ProviderUnavailable),
        ({"text": "access_token=gho_x&scope=user%3Aemail&token_type=bearer"}, ProviderUnavailable),
        ({"text": "<html>Unicorn!</html>", "content_type": "text/html"}, ProviderUnavailable),
        ({"text": "<html>Unicorn!</html>", "content_type": "text/html", "status": 502}, ProviderUnavailable),
        ({"data": {"message": "rate limit"}, "status": 429}, ProviderUnavailable),
        ({"status": 302, "headers": {"Location": "https://evil.example/"}}, ProviderUnavailable),
        ({"body": b'{"access_token": "gho_x", "access_token": "gho_y", "token_type": "bearer"}'}, ProviderUnavailable),
        ({"body": b" " * 20_000}, ProviderUnavailable),
    ],
)
async def test_an_invalid_token_response_signs_no_user_in(sign_in, github, response, refused):
    github.replace("/login/oauth/access_token", **response)
    with pytest.raises(refused):
        await sign_in()
    assert "/api/v3/user" not in [request.path for request in github.requests]


@pytest.mark.parametrize(
    ("response", "refused"),
    [
        ({"data": {"message": "Bad credentials"}, "status": 401}, SignInRefused),
        ({"data": {"message": "Sorry. Your account was suspended"}, "status": 403}, SignInRefused),
        ({"data": {"message": "x"}, "status": 403, "headers": {"X-RateLimit-Remaining": "0"}}, ProviderUnavailable),
        ({"data": {"message": "x"}, "status": 403, "headers": {"Retry-After": "60"}}, ProviderUnavailable),
        ({"data": {"message": "You have exceeded a secondary rate limit"}, "status": 403}, ProviderUnavailable),
        ({"data": {"message": "x"}, "status": 429}, ProviderUnavailable),
        ({"data": {"message": "Not Found"}, "status": 404}, ProviderUnavailable),
        ({"data": [], "status": 200}, ProviderUnavailable),
        ({"text": "<html>", "content_type": "text/html"}, ProviderUnavailable),
        ({"status": 301, "headers": {"Location": "/api/v3/user/1"}}, ProviderUnavailable),
        ({"status": 500}, ProviderUnavailable),
        ({"body": b" " * 1_100_000}, ProviderUnavailable),
        ({"body": b"{}", "headers": {"Content-Encoding": "gzip"}}, ProviderUnavailable),
        ({"body": b'{"id": 1, "id": 2}'}, ProviderUnavailable),
    ],
)
async def test_an_invalid_account_signs_no_user_in(sign_in, github, response, refused):
    github.replace("/user", **response)
    with pytest.raises(refused):
        await sign_in()


@pytest.mark.parametrize("path", ["/user/emails", "/user/orgs", "/user/teams"])
@pytest.mark.parametrize(
    "response",
    [
        {"data": {"message": "x"}, "status": 403, "headers": {"X-RateLimit-Remaining": "0"}},
        {"data": {"message": "x"}, "status": 429},
        {"status": 500},
        {"data": {}},
        {"data": [7]},
        {"text": "<html>", "content_type": "text/html"},
        {"status": 302, "headers": {"Location": "https://evil.example/"}},
        {"body": b" " * 1_100_000},
    ],
)
async def test_an_invalid_list_is_a_fault_of_the_provider(sign_in, github, path, response):
    github.replace(path, **response)
    with pytest.raises(ProviderUnavailable):
        await sign_in(**READS_ORGANIZATIONS)


@pytest.mark.parametrize("path", ["/user/orgs", "/user/teams"])
@pytest.mark.parametrize(
    "entry",
    [
        {},
        {"login": "acme"},
        {"login": "acme", "id": "11", "slug": "a", "organization": {"login": "acme"}},
        {"login": "a/b", "id": 1, "slug": "a/b", "organization": {"login": "acme"}},
        {"login": ["acme"], "id": 1, "slug": ["a"], "organization": {"login": "acme"}},
        {"login": "acme\n", "id": 1, "slug": "a", "organization": "acme"},
    ],
)
async def test_an_invalid_membership_is_a_fault_of_the_provider(sign_in, github, path, entry):
    github.replace(path, data=[entry])
    with pytest.raises(ProviderUnavailable):
        await sign_in(**READS_ORGANIZATIONS)


async def refused_by_rules_on_groups(sign_in):
    """Whether rules that name organisations refuse, the denying one too: it cannot be told whether it is met."""
    identity = await sign_in(**READS_ORGANIZATIONS)
    rules = {
        "allowed": refusal(
            allow=IdentityConditions(organizations=("initech",)), deny=IdentityConditions(), identity=identity
        ),
        "denied": refusal(allow=EVERYONE, deny=IdentityConditions(organizations=("initech",)), identity=identity),
        "none": refusal(allow=EVERYONE, deny=IdentityConditions(), identity=identity),
    }
    return {name for name, reason in rules.items() if reason is not None}


async def test_a_whole_list_decides(sign_in):
    assert await refused_by_rules_on_groups(sign_in) == {"allowed"}


@pytest.mark.parametrize("path", ["/user/orgs", "/user/teams"])
@pytest.mark.parametrize("status", [403, 404])
async def test_a_list_that_is_forbidden_lets_rules_on_groups_refuse(sign_in, github, path, status):
    github.replace(path, data={"message": "Although you appear to have the correct scope …"}, status=status)
    assert await refused_by_rules_on_groups(sign_in) == {"allowed", "denied"}


async def test_a_scope_that_was_not_granted_lets_rules_on_groups_refuse(sign_in, github):
    github.granted = ["user:email"]
    assert await refused_by_rules_on_groups(sign_in) == {"allowed", "denied"}


async def test_organizations_left_out_for_single_sign_on_let_rules_on_groups_refuse(sign_in, github):
    github.sso = "partial-results; organizations=21955855,20582480"
    assert await refused_by_rules_on_groups(sign_in) == {"allowed", "denied"}


async def test_a_list_with_more_pages_than_are_read_lets_rules_on_groups_refuse(sign_in, github):
    github.page_size = 2
    github.user.teams = {f"acme/team-{number}": number + 1 for number in range(2 * provider.MAX_PAGES + 1)}
    assert await refused_by_rules_on_groups(sign_in) == {"allowed", "denied"}
    listings = [request for request in github.requests if request.path.endswith("/teams")]
    assert len(listings) == provider.MAX_PAGES


async def test_a_list_without_end_is_left_after_some_pages(sign_in, github):
    async def answer(request: web.Request) -> web.Response:
        entries = [{"login": f"org-{request.query['page']}", "id": 1}]
        return web.json_response(entries, headers={"Link": '<https://evil.example/>; rel="next"'})

    github.replaced["/user/orgs"] = answer
    assert await refused_by_rules_on_groups(sign_in) == {"allowed", "denied"}


@pytest.mark.parametrize("name", ["t{}", "a-team-with-quite-a-long-name-number-{}"])
async def test_the_stored_memberships_are_bounded(sign_in, github, name):
    github.user.teams = {f"acme/{name.format(number)}": number + 1 for number in range(450)}
    identity = await sign_in(**READS_ORGANIZATIONS)
    assert len(identity.groups) <= MAX_GROUPS
    assert sum(map(len, identity.teams + identity.groups)) <= responses.MAX_MEMBERSHIP_CHARACTERS + 100
    assert not identity.groups_complete


async def test_forbidden_addresses_leave_the_user_without_one(sign_in, github):
    github.replace("/user/emails", data={"message": "Not Found"}, status=404)
    identity = await sign_in()
    assert (identity.email, identity.email_verified) == (None, False)


async def test_a_server_that_hangs_times_out(monkeypatch, sign_in, github):
    async def hang(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        raise AssertionError

    github.replaced["/user"] = hang
    monkeypatch.setattr(provider, "ANSWER_SECONDS", 0.2)
    with pytest.raises(ProviderUnavailable):
        await sign_in()


async def test_the_button_says_that_the_provider_does_not_answer_until_it_does(sign_in, github):
    one = sign_in.provider()
    assert one.is_available
    github.replace("/user", status=500)
    with pytest.raises(ProviderUnavailable):
        await one.identify(sign_in.pending(), await sign_in.callback(one))
    assert not one.is_available
    github.replaced.clear()
    await one.identify(sign_in.pending(), await sign_in.callback(one))
    assert one.is_available


async def test_an_unreachable_server_is_a_fault_of_the_provider(sign_in, github):
    one = sign_in.provider()
    parameters = await sign_in.callback(one)
    pending = sign_in.pending()
    await github.stop()
    with pytest.raises(ProviderUnavailable) as unavailable:
        await one.identify(pending, parameters)
    assert unavailable.value.status == 503


async def test_a_token_goes_to_the_configured_server_only(sign_in, github):
    """A redirect to another host, or a page of a list there, would hand it the token."""
    other = GitHubModel(client_id="app-1", client_secret="x")
    await other.start()
    try:
        for path in ("/user", "/user/emails", "/user/orgs"):
            github.replaced.clear()
            github.replace(path, status=307, headers={"Location": f"{other.api}{path}"})
            with pytest.raises(ProviderUnavailable):
                await sign_in(**READS_ORGANIZATIONS)
        assert other.requests == []
    finally:
        await other.stop()
