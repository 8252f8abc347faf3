"""GET and POST /consent: the person's decision, once, and only theirs (invariants 3, 6 and 7)."""

import asyncio
import re

import pytest

from auth_service.grants.grant import GrantStatus
from tests.support.authorization import (
    FILES,
    HOSTED,
    ISSUER,
    LOOPBACK,
    NOTES,
    PASSWORD,
    Code,
    Person,
    claims_of,
    redirect_parameters,
)


def check_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def grants(auth):
    return await auth.store.command("KEYS", "sp:*:grant")


class TestPage:
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
        """Invariant 7."""
        page = await auth.person().consent_page(await auth.register(redirect_uri))
        assert f'<code class="host">{shown}</code>' in page.text

    async def test_it_warns_of_a_name_that_anybody_could_claim(self, auth):
        page = await auth.person().consent_page(await auth.register(HOSTED, client_name="Claude"))
        assert "Nobody vouches for this name" in page.text

    async def test_it_says_in_words_what_is_asked_for(self, auth, client):
        page = await auth.person().consent_page(client, scope="notes:write openid email offline_access")
        for words in ("Write notes", "Know who you are", "See your e-mail address", "Stay connected", NOTES):
            assert words in page.text

    async def test_the_name_of_a_client_cannot_become_markup(self, auth):
        hostile = await auth.register(client_name='<img src=x onerror="alert(1)">')
        page = await auth.person().consent_page(hostile)
        assert "<img" not in page.text

    async def test_what_is_allowed_already_stands_apart_and_is_asked_again(self, auth, client):
        person = auth.person()
        await auth.tokens(client, person)
        page = await person.consent_page(client, scope="notes:read notes:write")
        assert "What you already allow it" in page.text
        assert "Read your notes" in page.text.partition("What you already allow it")[2]
        assert "Write notes" in page.text.partition("What you already allow it")[0]

    async def test_it_cannot_be_framed_nor_stored(self, auth, client):
        page = await auth.person().consent_page(client)
        assert page.headers["X-Frame-Options"] == "DENY"
        assert page.headers["Cache-Control"] == "no-store"

    async def test_nobody_who_is_not_signed_in_sees_it(self, auth, client):
        person = auth.person()
        answer = await person.get(auth.authorization(client)[0])
        answer = await person.get(answer.headers["Location"].replace("/sign-in", "/consent"))
        assert answer.headers["Location"].startswith("/sign-in?")


class TestDecision:
    async def test_approving_leads_back_with_a_code_by_a_page_and_not_by_a_redirect(self, auth, client):
        """Interop.md F6: a redirect would be stopped by the form's own policy in Chromium."""
        person = auth.person()
        answer = await person.submit(await person.consent_page(client), decision="approve")
        assert answer.status == 200
        assert "Location" not in answer.headers
        assert answer.page.refresh.startswith(f"{LOOPBACK}?")
        got = redirect_parameters(answer.page.refresh)
        assert got.keys() == {"code", "state", "iss"}
        assert (got["state"], got["iss"]) == ("the-state", ISSUER)

    async def test_denying_leads_back_with_access_denied_and_makes_no_grant(self, auth, client):
        person = auth.person()
        got = await person.decide(await person.consent_page(client), "deny")
        assert (got["error"], got["state"], got["iss"]) == ("access_denied", "the-state", ISSUER)
        assert await grants(auth) == []

    async def test_what_was_denied_cannot_be_approved_afterwards(self, auth, client):
        """Invariant 3: the first decision stands."""
        person = auth.person()
        page = await person.consent_page(client)
        await person.decide(page, "deny")
        assert (await person.decide(page, "approve"))["error"] == "access_denied"
        assert await grants(auth) == []

    async def test_a_double_click_gives_the_same_code_twice(self, auth, client):
        """Invariant 6."""
        person = auth.person()
        page = await person.consent_page(client)
        first, second = await asyncio.gather(person.decide(page), person.decide(page))
        assert first == second
        assert len(await grants(auth)) == 1

    async def test_a_click_after_the_code_was_spent_does_not_end_the_grant(self, auth, client):
        """Invariant 6: the person goes back and clicks again; the client must not be handed a spent code."""
        person = auth.person()
        url, verifier = auth.authorization(client)
        page = await person.follow(await person.sign_in(await person.follow(await person.get(url))))
        code = Code(await person.decide(page), verifier, client)
        tokens = (await auth.redeem(code)).json
        again = await person.submit(page, decision="approve")
        assert (again.status, check_of(auth, again)) == (400, "decision_current")
        assert code.value not in again.text
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200

    async def test_a_click_after_the_code_expired_says_so(self, auth, client):
        person = auth.person()
        page = await person.consent_page(client)
        await person.decide(page)
        auth.clock.ahead += 61
        assert check_of(auth, await person.submit(page, decision="approve")) == "decision_current"

    @pytest.mark.parametrize("decision", ["", "maybe", "APPROVE", "approve\u200b"])
    async def test_a_form_without_a_decision_decides_nothing(self, auth, client, decision):
        person = auth.person()
        answer = await person.submit(await person.consent_page(client), decision=decision)
        assert (answer.status, check_of(auth, answer)) == (400, "decision_present")
        assert await grants(auth) == []

    async def test_an_interaction_that_expired_while_the_person_read_is_a_page(self, auth, client):
        person = auth.person()
        page = await person.consent_page(client)
        for key in await auth.store.command("KEYS", "sp:*:interaction"):
            await auth.store.command("PEXPIRE", key, 0)
        answer = await person.submit(page, decision="approve")
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_known")

    async def test_the_grant_holds_what_was_shown_and_no_usable_code(self, auth, client):
        """Invariant 4."""
        code = await auth.code(client, scope="files:read", resource=FILES)
        (key,) = await grants(auth)
        record = await auth.store.command("HGETALL", key)
        assert (record["resource"], record["scope"], record["status"]) == (FILES, "files:read", "code")
        assert code.value.partition(".")[2] not in str(record)


class TestForgery:
    """RFC 9700 section 4.7."""

    @pytest.mark.parametrize("csrf", [None, "", "x", "A" * 43])
    async def test_a_wrong_csrf_value_decides_nothing(self, auth, client, csrf):
        person = auth.person()
        page = await person.consent_page(client)
        form = page.page.forms[0].inputs | {"decision": "approve", "csrf": csrf}
        answer = await person.post("/consent", {k: v for k, v in form.items() if v is not None})
        assert (answer.status, check_of(auth, answer)) == (400, "csrf")
        assert await grants(auth) == []

    async def test_the_value_of_the_sign_in_form_does_not_serve(self, auth, client):
        person = auth.person()
        sign_in = await person.arrive(client)
        await person.sign_in(sign_in)
        answer = await person.post("/consent", sign_in.page.forms[0].inputs | {"decision": "approve"})
        assert check_of(auth, answer) == "csrf"

    async def test_another_browser_cannot_decide_nor_see(self, auth, client):
        """Neither the attacker over the victim's request, nor the victim over the attacker's."""
        victim, attacker = auth.person(), auth.person()
        page = await victim.consent_page(client)
        await attacker.sign_in(await attacker.get("/sign-in"))
        form = page.page.forms[0].inputs | {"decision": "approve"}
        answer = await attacker.post("/consent", form)
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_browser")
        assert (await attacker.get(f"/consent?transaction={form['transaction']}")).status == 400
        assert await grants(auth) == []

    async def test_a_planted_browser_cookie_is_not_enough(self, auth, client):
        """Cookie tossing: the attacker knows the victim browser's cookie, begins a request and makes the form."""
        attacker = auth.person()
        page = await attacker.consent_page(client)
        victim = auth.person()
        victim.cookies = {"__Host-sallyport-browser": attacker.cookies["__Host-sallyport-browser"]}
        await victim.sign_in(await victim.get("/sign-in"))
        answer = await victim.submit(page, decision="approve")
        assert check_of(auth, answer) == "csrf"
        assert await grants(auth) == []

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    async def test_a_form_that_another_origin_sent_decides_nothing(self, auth, client, site):
        person = auth.person()
        page = await person.consent_page(client)
        form = page.page.forms[0].inputs | {"decision": "approve"}
        answer = await person.post("/consent", form, headers={"Sec-Fetch-Site": site})
        assert (answer.status, check_of(auth, answer)) == (403, "form_origin")
        assert await grants(auth) == []

    @pytest.mark.parametrize("site", ["same-origin", "none"])
    async def test_our_own_forms_pass(self, auth, client, site):
        person = auth.person()
        page = await person.consent_page(client)
        form = page.page.forms[0].inputs | {"decision": "approve"}
        assert (await person.post("/consent", form, headers={"Sec-Fetch-Site": site})).status == 200

    async def test_a_page_made_for_one_person_does_not_decide_for_another(self, auth, client):
        """In another tab somebody else signed in: the page still says the first one's name."""
        await auth.users.add("grace", PASSWORD)
        person = auth.person()
        page = await person.consent_page(client)
        assert "ada" in page.text
        await person.sign_in(await person.get("/sign-in"), "grace")
        assert check_of(auth, await person.submit(page, decision="approve")) == "csrf"
        transaction = page.page.forms[0].inputs["transaction"]
        renewed = await person.get(f"/consent?transaction={transaction}")
        assert "grace" in renewed.text
        assert "code" in await person.decide(renewed)

    async def test_who_signed_out_meanwhile_decides_nothing(self, auth, client):
        person = auth.person()
        page = await person.consent_page(client)
        signed_out = Person(auth, {k: v for k, v in person.cookies.items() if "session" not in k})
        answer = await signed_out.submit(page, decision="approve")
        assert answer.headers["Location"].startswith("/sign-in?")
        assert await grants(auth) == []


async def test_a_client_that_ended_meanwhile_gets_nothing(auth, client):
    person = auth.person()
    page = await person.consent_page(client)
    await auth.store.command("DEL", f"sp:{{client:{client.client_id}}}")
    auth.clock.ahead += 10  # the directory remembers for a moment
    answer = await person.submit(page, decision="approve")
    assert answer.status in {400, 401}
    assert answer.headers["Content-Type"].startswith("text/html")
    assert await grants(auth) == []


async def test_two_requests_in_two_tabs_are_decided_apart(auth, client):
    person = auth.person()
    first = await person.consent_page(client, state="one")
    second = await person.consent_page(client, state="two", scope="notes:write")
    assert (await person.decide(second, "deny"))["state"] == "two"
    assert (await person.decide(first))["state"] == "one"
    (key,) = await grants(auth)
    grant = await auth.grants.find(re.search(r"{(.*)}", key)[1])
    assert (grant.status, grant.scopes) == (GrantStatus.CODE, ("notes:read",))


async def test_one_grant_of_a_client_does_not_replace_another(auth, client):
    """Two machines of one person, the same client: each keeps its tokens."""
    person = auth.person()
    one, other = [await auth.tokens(client, person) for _ in range(2)]
    assert claims_of(one["access_token"])["gid"] != claims_of(other["access_token"])["gid"]
    for tokens in (one, other):
        assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


async def test_beyond_the_bound_the_least_recently_used_grant_ends(start_auth):
    auth = await start_auth(MAX_GRANTS_PER_CLIENT=2)
    await auth.users.add("ada", PASSWORD)
    client, person = await auth.register(), auth.person()
    granted = []
    for _ in range(3):
        granted.append(await auth.tokens(client, person))
        auth.clock.ahead += 1
    statuses = [(await auth.refresh(client, tokens["refresh_token"])).status for tokens in granted]
    assert statuses == [400, 200, 200]
