"""What a provider's rules, a scope's requirements and the age of a sign-in take away is gone at the next refresh."""

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.status_lists.repository import StatusListRepository
from tests.support.auth_server import LOOPBACK, PASSWORD, USERNAME, Code
from tests.support.fake_provider import sign_in_at
from tests.support.federated import error_of, grant_of, providers, resources
from tests.support.oauth import unverified_claims


@pytest.mark.invariant(15)
class TestConsent:
    async def test_a_user_gets_what_the_identity_allows_and_learns_what_is_left_out(self, federated, server, desk):
        federated.state(groups=("guests",))
        user, page, verifier = await federated.consent(server, desk)
        offered, left_out = page.text.split("Not available to your account")
        assert "Read your notes" in offered
        assert "Write notes" in left_out
        assert "Manage notes" in left_out
        tokens = (await server.redeem(Code(await user.decide(page), verifier, desk))).json
        assert tokens["scope"] == "notes:read"
        assert (await server.grants.find(grant_of(tokens))).scopes == ("notes:read",)

    async def test_a_member_of_the_group_gets_everything(self, federated, server, desk):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        assert tokens["scope"] == "notes:read notes:write notes:admin"

    async def test_a_group_that_the_provider_left_out_is_none(self, federated, server, desk):
        federated.state(groups=("guests",), groups_complete=False)
        assert (await federated.tokens(server, desk))["scope"] == "notes:read"

    async def test_a_user_with_a_password_meets_no_requirement(self, federated, server, desk):
        await server.users.add(USERNAME, PASSWORD)
        assert (await server.tokens(desk, scope="notes:read notes:write notes:admin"))["scope"] == "notes:read"

    async def test_a_user_who_may_have_nothing_is_told_so_and_may_return_to_the_client(self, federated, server, desk):
        federated.state()
        _, page, _ = await federated.consent(server, desk, scope="notes:write offline_access")
        assert "Your account can't use this" in page.text
        assert (page.headers.get("Location"), page.refresh) == (None, None)
        assert f"{LOOPBACK}?error=access_denied" in page.text
        assert error_of(server, page) == "user_scopes"

    @pytest.mark.parametrize("signed_in_before", [False, True])
    async def test_a_user_who_may_have_nothing_can_continue_the_request_as_another_user(
        self, federated, server, desk, signed_in_before
    ):
        """Signed in before, the page is the first of the request, which is not stored yet."""
        federated.state()
        user, page, verifier = await federated.consent(server, desk, scope="notes:write")
        if signed_in_before:
            user, page, verifier = await federated.consent(server, desk, user, scope="notes:write")
        assert page.status == 403
        federated.upstreams["acme"].subject = "upstream-grace"
        federated.state(groups=("staff",))
        answer = await sign_in_at(user, await user.submit(page), "acme")
        assert federated.upstreams["acme"].requests[-1].force_reauthentication
        code = Code(await user.decide(await user.follow(answer)), verifier, desk)
        assert (await server.redeem(code)).json["scope"] == "notes:write"

    async def test_a_page_that_did_not_show_a_scope_does_not_approve_it(self, federated, server, desk):
        """The user signs in again in another tab, and may have more now."""
        federated.state()
        user, page, _ = await federated.consent(server, desk)
        federated.state(groups=("staff",))
        url = server.authorize_url(desk, scope="notes:read", prompt="login")
        await sign_in_at(user, await user.get(url), "acme")
        answer = await user.submit(page, decision="approve")
        assert (answer.status, error_of(server, answer)) == (400, "csrf")

    async def test_the_user_is_asked_about_today_when_the_form_arrives(self, federated, server, desk):
        """The provider takes the group away between page and decision."""
        federated.state(groups=("staff",))
        user, page, _ = await federated.consent(server, desk)
        federated.state()
        url = server.authorize_url(desk, scope="notes:read", prompt="login")
        await sign_in_at(user, await user.get(url), "acme")
        assert (await user.submit(page, decision="approve")).refresh is None

    @pytest.mark.invariant(13)
    async def test_a_session_of_an_identity_that_is_not_let_in_any_more_decides_nothing(self, federated, server, desk):
        federated.state()
        user, page, _ = await federated.consent(server, desk)
        later = await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, deny={"everyone": True}))
        moved = later.user_agent(cookies=dict(user.cookies))
        answer = await moved.post("/consent", page.forms[0].inputs | {"decision": "approve"})
        assert answer.refresh is None
        assert ("provider", "acme") in answer.forms[0].buttons


@pytest.mark.invariant(13, 15)
class TestRefresh:
    async def test_a_scope_whose_requirement_is_not_met_any_more_is_gone_and_its_tokens_are_revoked(
        self, federated, server, desk
    ):
        federated.state(groups=("staff",))
        tokens = await federated.tokens(server, desk)
        federated.state(groups=("guests",))
        await federated.sign_in(server)
        refreshed = (await server.refresh(desk, tokens["refresh_token"])).json
        assert refreshed["scope"] == "notes:read"
        old, new = (unverified_claims(t["access_token"])["status"]["status_list"] for t in (tokens, refreshed))
        assert old["idx"] != new["idx"]
        [entries] = await StatusListRepository(server.store).revoked([old["uri"].rpartition("/")[2]])
        assert entries == {old["idx"]}

    async def test_a_new_requirement_holds_for_users_with_passwords_too(self, federated, start_auth):
        server = await federated.start(RESOURCES=resources(requires=None))
        await server.users.add(USERNAME, PASSWORD)
        client = await server.register()
        tokens = await server.tokens(client, scope="notes:read notes:write")
        later = await federated.start()
        assert (await later.refresh(client, tokens["refresh_token"])).json["scope"] == "notes:read"
        assert (await later.grants.find(grant_of(tokens))).scopes == ("notes:read",)

    @pytest.mark.parametrize(
        "entry",
        [
            {"deny": {"subjects": ["upstream-ada"]}},
            {"allow": {"emails": ["eve@example.org"]}},
            {"id": "renamed"},
            {"issuer": "https://new.example"},
        ],
        ids=["denied", "not allowed", "provider removed", "another issuer"],
    )
    @pytest.mark.parametrize("parameters", [{}, {"scope": "notes:read"}], ids=["plain", "with scope"])
    async def test_an_identity_that_is_not_let_in_any_more_ends_the_grant(
        self, federated, server, desk, entry, parameters
    ):
        federated.state()
        tokens = await federated.tokens(server, desk)
        later = await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, **entry), ahead=1)
        answer = await later.refresh(desk, tokens["refresh_token"], **parameters)
        assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
        assert error_of(later, answer) == "identity_refused"
        assert (await server.grants.find(grant_of(tokens))).ended_reason == "identity_refused"

    async def test_an_unlinked_identity_ends_the_grant(self, federated, server, desk):
        federated.state()
        tokens = await federated.tokens(server, desk)
        grant = await server.grants.find(grant_of(tokens))
        await server.store.command("HDEL", f"sp:{{users}}:identity:{grant.subject}", grant.identity)
        answer = await server.refresh(desk, tokens["refresh_token"])
        assert error_of(server, answer) == "identity_refused"
        assert (await server.grants.find(grant.grant_id)).status is GrantStatus.ENDED

    async def test_a_request_of_another_client_ends_nothing(self, federated, server, desk):
        """Invariant 6: it is not valid for the grant."""
        federated.state()
        tokens = await federated.tokens(server, desk)
        later = await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, deny={"everyone": True}))
        other = await later.register()
        for parameters in ({}, {"scope": "notes:read"}):
            answer = await later.refresh(other, tokens["refresh_token"], **parameters)
            assert error_of(later, answer) == "refresh_wrong_client"
        assert (await server.grants.find(grant_of(tokens))).status is GrantStatus.LIVE

    @pytest.mark.invariant(3, 6)
    async def test_a_refresh_token_of_an_old_sign_in_works_again_after_a_new_one(self, federated, desk, server):
        federated.state()
        tokens = await federated.tokens(server, desk)
        later = await federated.start(IDENTITY_MAX_AGE=600, ahead=601)
        answer = await later.refresh(desk, tokens["refresh_token"])
        assert (answer.json["error"], error_of(later, answer)) == ("invalid_grant", "identity_age")
        assert (await server.grants.find(grant_of(tokens))).generation == 0
        await federated.sign_in(later)
        assert (await later.refresh(desk, tokens["refresh_token"])).status == 200

    @pytest.mark.invariant(6)
    async def test_a_lost_answer_yields_the_same_successor(self, federated, server, desk):
        federated.state()
        tokens = await federated.tokens(server, desk)
        answers = [(await server.refresh(desk, tokens["refresh_token"])).json for _ in range(2)]
        assert answers[0]["refresh_token"] == answers[1]["refresh_token"]


@pytest.mark.invariant(13)
async def test_a_code_is_redeemed_only_while_the_identity_is_let_in(federated, server, desk):
    federated.state()
    code = await federated.code(server, desk)
    later = await federated.start(IDENTITY_PROVIDERS=providers(federated.upstreams, deny={"everyone": True}))
    answer = await later.redeem(code)
    assert (answer.json["error"], error_of(later, answer)) == ("invalid_grant", "identity_refused")
    assert (await server.grants.find(code.value.partition(".")[0])).status is GrantStatus.ENDED


class TestClaims:
    async def test_a_token_tells_what_the_resource_names_and_nothing_else(self, federated):
        server = await federated.start(RESOURCES=resources(claims=["email", "groups", "plan"]))
        federated.state(
            groups=("a",), email="ada@example.org", name="Ada", claims={"plan": "paid", "sub": "x", "other": 1}
        )
        client = await server.register()
        user, page, verifier = await federated.consent(server, client)
        told = page.text.partition("It will also see")[2]
        assert all(f"<span>{claim}</span>" in told for claim in ("your e-mail address", "your groups", "“plan”"))
        tokens = (await server.redeem(Code(await user.decide(page), verifier, client))).json
        claims = unverified_claims(tokens["access_token"])
        profile = ["iss", "sub", "aud", "client_id", "scope", "iat", "exp", "jti", "gid", "status"]
        assert {name: value for name, value in claims.items() if name not in profile} == {
            "email": "ada@example.org",
            "email_verified": False,
            "groups": ["a"],
            "plan": "paid",
        }

    async def test_a_refresh_tells_what_is_known_then(self, federated):
        server = await federated.start(RESOURCES=resources(claims=["groups"]))
        federated.state(groups=("a",))
        client = await server.register()
        tokens = await federated.tokens(server, client)
        federated.state(groups=("b",))
        await federated.sign_in(server)
        refreshed = (await server.refresh(client, tokens["refresh_token"])).json
        assert unverified_claims(refreshed["access_token"])["groups"] == ["b"]

    async def test_claims_of_a_user_with_a_password_come_from_the_account(self, federated):
        server = await federated.start(RESOURCES=resources(claims=["email", "name", "preferred_username", "groups"]))
        await server.users.add(USERNAME, PASSWORD, name="Ada Lovelace", email="ada@example.org", email_verified=True)
        client = await server.register()
        tokens = await server.tokens(client)
        for found in (tokens, (await server.refresh(client, tokens["refresh_token"])).json):
            claims = unverified_claims(found["access_token"])
            assert (claims["email"], claims["email_verified"], claims["name"]) == (
                "ada@example.org",
                True,
                "Ada Lovelace",
            )
            assert (claims["preferred_username"], "groups" in claims) == (USERNAME, False)
