"""GET and POST /consent: the user's decision, once, and only theirs."""

import asyncio
import json

import pytest

from auth_service.grants.grant import GrantStatus
from tests.support.auth_server import FILES, HOSTED, ISSUER, LOOPBACK, NOTES, PASSWORD, RESOURCES, Code
from tests.support.oauth import redirect_parameters, unverified_claims

pytestmark = pytest.mark.invariant(3, 6, 7)


def check_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def grants(auth):
    return await auth.store.command("KEYS", "sp:*:grant:*")


class TestPage:
    @pytest.mark.invariant(7)
    @pytest.mark.parametrize(
        ("redirect_uri", "shown"),
        [
            (HOSTED, "client.example"),
            ("https://client.example:8443/callback", "client.example:8443"),
            (LOOPBACK, "127.0.0.1"),
            ("cursor://anysphere.cursor-mcp/oauth/callback", "cursor://"),
        ],
    )
    async def test_it_always_shows_where_the_answer_goes(self, auth, redirect_uri, shown):
        page = await auth.user_agent().consent_page(auth.authorize_url(await auth.register(redirect_uri)))
        assert f'<code class="host">{shown}</code>' in page.text

    async def test_it_warns_of_an_unverified_name(self, auth):
        page = await auth.user_agent().consent_page(
            auth.authorize_url(await auth.register(HOSTED, client_name="Claude"))
        )
        assert "Unverified app." in page.text

    @pytest.mark.invariant(7)
    async def test_it_warns_of_a_name_that_imitates_a_known_client_and_of_no_other(self, auth):
        for name, imitated in (("Сlaude", True), ("Clara's notes", False)):
            page = await auth.user_agent().consent_page(
                auth.authorize_url(await auth.register(HOSTED, client_name=name))
            )
            assert ("This may not be Claude." in page.text) is imitated

    async def test_it_says_how_long_access_lasts_without_the_user(self, auth):
        lasting, passing = await auth.register(), await auth.register(grant_types=["authorization_code"])
        shown = [(await auth.user_agent().consent_page(auth.authorize_url(c))).text for c in (lasting, passing)]
        assert "It ends by itself after 30 days without use, and after 180 days at the latest." in shown[0]
        assert "It ends by itself after 1 hour." in shown[1]

    async def test_it_says_in_words_what_is_asked_for(self, auth, client):
        page = await auth.user_agent().consent_page(
            auth.authorize_url(client, scope="notes:write openid email offline_access")
        )
        for words in ("Write notes", "Know who you are", "See your e-mail address", "Stay connected", NOTES):
            assert words in page.text

    async def test_the_name_of_a_client_cannot_become_markup(self, auth):
        hostile = await auth.register(client_name='<img src=x onerror="alert(1)">')
        page = await auth.user_agent().consent_page(auth.authorize_url(hostile))
        assert "<img" not in page.text

    async def test_scopes_that_are_held_are_listed_apart_and_asked_again(self, auth, client):
        user = auth.user_agent()
        await auth.tokens(client, user)
        page = await user.consent_page(auth.authorize_url(client, scope="notes:read notes:write"))
        new, old = page.text.split("Already allowed")
        assert "Read your notes" in old
        assert "Write notes" in new

    async def test_it_cannot_be_framed_nor_stored(self, auth, client):
        page = await auth.user_agent().consent_page(auth.authorize_url(client))
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"

    async def test_it_is_not_shown_without_a_session(self, auth, client):
        user = auth.user_agent()
        form = (await user.arrive(auth.authorize_url(client))).forms[0]
        answer = await user.post("/consent", form.inputs)
        assert answer.forms[0].action == "/sign-in"


class TestDecision:
    async def test_approving_leads_back_with_a_code_by_a_page_and_not_by_a_redirect(self, auth, client):
        """Interop.md F6: a redirect would be stopped by the form's own policy in Chromium."""
        user = auth.user_agent()
        answer = await user.submit(await user.consent_page(auth.authorize_url(client)), decision="approve")
        assert answer.status == 200
        assert "Location" not in answer.headers
        assert answer.refresh.startswith(f"{LOOPBACK}?")
        got = redirect_parameters(answer.refresh)
        assert got.keys() == {"code", "state", "iss"}
        assert (got["state"], got["iss"]) == ("the-state", ISSUER)

    async def test_denying_leads_back_with_access_denied_and_makes_no_grant(self, auth, client):
        user = auth.user_agent()
        got = await user.decide(await user.consent_page(auth.authorize_url(client)), "deny")
        assert (got["error"], got["state"], got["iss"]) == ("access_denied", "the-state", ISSUER)
        assert await grants(auth) == []

    @pytest.mark.invariant(3)
    async def test_a_denied_request_cannot_be_approved_afterwards(self, auth, client):
        """The first decision stands."""
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        await user.decide(page, "deny")
        assert (await user.decide(page, "approve"))["error"] == "access_denied"
        assert await grants(auth) == []

    @pytest.mark.invariant(6)
    async def test_a_double_click_gives_the_same_code_twice(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        first, second = await asyncio.gather(user.decide(page), user.decide(page))
        assert first == second
        assert len(await grants(auth)) == 1

    @pytest.mark.invariant(6)
    async def test_a_click_after_the_code_was_spent_does_not_end_the_grant(self, auth, client):
        """The user goes back and clicks again; the client must not be handed a spent code."""
        user = auth.user_agent()
        url, verifier = auth.authorization(client)
        page = await user.consent_page(url)
        code = Code(await user.decide(page), verifier, client)
        tokens = (await auth.redeem(code)).json
        again = await user.submit(page, decision="approve")
        assert (again.status, check_of(auth, again)) == (400, "decision_current")
        assert code.value not in again.text
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_click_after_the_code_expired_says_so(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        await user.decide(page)
        (key,) = await grants(auth)
        await auth.age_grant(key.removeprefix("sp:{").replace("}:grant:", "-"), 61)
        assert check_of(auth, await user.submit(page, decision="approve")) == "decision_current"

    @pytest.mark.parametrize("decision", ["", "maybe", "APPROVE", "approve\u200b"])
    async def test_a_form_without_a_decision_decides_nothing(self, auth, client, decision):
        user = auth.user_agent()
        answer = await user.submit(await user.consent_page(auth.authorize_url(client)), decision=decision)
        assert (answer.status, check_of(auth, answer)) == (400, "decision_present")
        assert await grants(auth) == []

    async def test_an_interaction_that_expired_while_the_user_read_is_a_page(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        for key in await auth.store.command("KEYS", "sp:*:interaction:*"):
            await auth.store.command("PEXPIRE", key, 0)
        answer = await user.submit(page, decision="approve")
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_known")

    @pytest.mark.invariant(4)
    async def test_the_grant_holds_what_was_shown_and_no_usable_code(self, auth, client):
        code = await auth.code(client, scope="files:read", resource=FILES)
        (key,) = await grants(auth)
        grant = await auth.grants.find(code.value.partition(".")[0])
        assert (grant.resource, grant.scopes, grant.status, grant.kind) == (FILES, ("files:read",), "code", "user")
        assert code.value.partition(".")[2] not in await auth.store.command("GET", key)


class TestForgery:
    """RFC 9700 section 4.7."""

    @pytest.mark.parametrize("csrf", [None, "", "x", "A" * 43])
    async def test_a_wrong_csrf_value_decides_nothing(self, auth, client, csrf):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        form = page.forms[0].inputs | {"decision": "approve", "csrf": csrf}
        answer = await user.post("/consent", {k: v for k, v in form.items() if v is not None})
        assert (answer.status, check_of(auth, answer)) == (400, "csrf")
        assert await grants(auth) == []

    async def test_the_value_of_the_sign_in_form_does_not_serve(self, auth, client):
        user = auth.user_agent()
        sign_in = await user.arrive(auth.authorize_url(client))
        await user.sign_in(sign_in)
        answer = await user.post("/consent", sign_in.forms[0].inputs | {"decision": "approve"})
        assert check_of(auth, answer) == "csrf"

    async def test_another_browser_cannot_decide_nor_see(self, auth, client):
        """Neither the attacker over the victim's request, nor the victim over the attacker's."""
        victim, attacker = auth.user_agent(), auth.user_agent()
        page = await victim.consent_page(auth.authorize_url(client))
        await attacker.sign_in(await attacker.get("/sign-in"))
        form = page.forms[0].inputs | {"decision": "approve"}
        answer = await attacker.post("/consent", form)
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_browser")
        assert (await attacker.get(f"/consent?transaction={form['transaction']}")).status == 400
        assert await grants(auth) == []

    async def test_a_planted_browser_cookie_is_not_enough(self, auth, client):
        """Cookie tossing: the attacker knows the victim browser's cookie, begins a request and makes the form."""
        attacker = auth.user_agent()
        page = await attacker.consent_page(auth.authorize_url(client))
        victim = auth.user_agent()
        victim.cookies = {"__Host-sallyport-browser": attacker.cookies["__Host-sallyport-browser"]}
        await victim.sign_in(await victim.get("/sign-in"))
        answer = await victim.submit(page, decision="approve")
        assert check_of(auth, answer) == "csrf"
        assert await grants(auth) == []

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    async def test_a_form_that_another_origin_sent_decides_nothing(self, auth, client, site):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        form = page.forms[0].inputs | {"decision": "approve"}
        answer = await user.post("/consent", form, headers={"Sec-Fetch-Site": site})
        assert (answer.status, check_of(auth, answer)) == (403, "form_origin")
        assert await grants(auth) == []

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    async def test_same_origin_forms_pass(self, auth, client, site):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        form = page.forms[0].inputs | {"decision": "approve"}
        assert (await user.post("/consent", form, headers={"Sec-Fetch-Site": site})).status == 200

    async def test_a_page_made_for_one_user_does_not_decide_for_another(self, auth, client):
        """In another tab another user signed in: the page still names the first."""
        await auth.users.add("grace", PASSWORD)
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        assert "ada" in page.text
        await user.sign_in(await user.get("/sign-in"), "grace")
        assert check_of(auth, await user.submit(page, decision="approve")) == "csrf"
        transaction = page.forms[0].inputs["transaction"]
        renewed = await user.get(f"/consent?transaction={transaction}")
        assert "grace" in renewed.text
        assert "code" in await user.decide(renewed)

    async def test_a_user_that_signed_out_meanwhile_decides_nothing(self, auth, client):
        user = auth.user_agent()
        page = await user.consent_page(auth.authorize_url(client))
        signed_out = auth.user_agent({k: v for k, v in user.cookies.items() if "session" not in k})
        answer = await signed_out.submit(page, decision="approve")
        assert answer.forms[0].action == "/sign-in"
        assert await grants(auth) == []
        again = await signed_out.follow(await signed_out.sign_in(answer))
        assert "code" in await signed_out.decide(again)


async def test_a_client_that_ended_meanwhile_gets_nothing(auth, client):
    user = auth.user_agent()
    page = await user.consent_page(auth.authorize_url(client))
    await auth.store.command("DEL", f"sp:{{client:{client.client_id}}}")
    auth.monotonic.ahead += 10  # the resolver caches clients for a moment
    answer = await user.submit(page, decision="approve")
    assert answer.status in {400, 401}
    assert answer.headers["Content-Type"].startswith("text/html")
    assert await grants(auth) == []


async def test_two_requests_in_two_tabs_are_decided_apart(auth, client):
    user = auth.user_agent()
    first = await user.consent_page(auth.authorize_url(client, state="one"))
    second = await user.consent_page(auth.authorize_url(client, state="two", scope="notes:write"))
    assert (await user.decide(second, "deny"))["state"] == "two"
    assert (await user.decide(first))["state"] == "one"
    (key,) = await grants(auth)
    grant = await auth.grants.find(key.removeprefix("sp:{").replace("}:grant:", "-"))
    assert (grant.status, grant.scopes) == (GrantStatus.CODE, ("notes:read",))


async def test_one_grant_of_a_client_does_not_replace_another(auth, client):
    """Two machines of one user, the same client: each keeps its tokens."""
    user = auth.user_agent()
    one, other = [await auth.tokens(client, user) for _ in range(2)]
    assert unverified_claims(one["access_token"])["gid"] != unverified_claims(other["access_token"])["gid"]
    for tokens in (one, other):
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


async def test_beyond_the_bound_the_least_recently_used_grant_ends(start_auth):
    auth = await start_auth(MAX_GRANTS_PER_CLIENT=2)
    await auth.users.add("ada", PASSWORD)
    client, user = await auth.register(), auth.user_agent()
    granted = []
    for _ in range(3):
        granted.append(await auth.tokens(client, user))
        await auth.age_grant(granted[-1]["refresh_token"].partition(".")[0], 60 - len(granted))
    statuses = [(await auth.refresh(client, tokens["refresh_token"])).status for tokens in granted]
    assert statuses == [400, 200, 200]


@pytest.mark.invariant(7, 8)
async def test_a_replica_that_does_not_know_the_resource_shows_no_other(auth, client, start_auth):
    """While a new resource is rolled out, the pages of one request may come from different replicas."""
    user = auth.user_agent()
    page = await user.consent_page(auth.authorize_url(client, resource=NOTES))
    files = [r for r in RESOURCES if r["identifier"] != NOTES]
    other = await start_auth(RESOURCES=json.dumps(files))
    answer = await other.user_agent(user.cookies).get(str(page.url.relative()))
    assert answer.status == 503
    assert "Files" not in answer.text
