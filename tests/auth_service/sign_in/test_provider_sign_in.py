"""Sign-in through an identity provider, from the button to consent, and what does not sign in."""

import asyncio
import json

import pytest

from auth_service.audit.error_repository import ErrorRepository
from auth_service.federation.provider import SignInRefused
from shared.jose.base64url import decode
from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.fake_provider import come_back, press, sign_in_at, state_in

BROWSER, SESSION, PROVIDER = "__Host-sallyport-browser", "__Host-sallyport-session", "__Host-sallyport-provider"


def error_of(server, answer):
    return server.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def explained(server, answer):
    """The error that `explain` finds by the request id of an answer; the log is written when the server has stopped."""
    await server.stop()
    found = await ErrorRepository(server.store).find(answer.headers["X-Request-Id"])
    return found.error_id if found else None


async def stored(server, pattern):
    return await server.store.command("KEYS", pattern)


@pytest.fixture
async def client(federated):
    return await federated.register(client_name="Desk")


@pytest.fixture
async def begun(federated, client):
    """A browser that was sent to a provider, and the state that it carries."""
    user = federated.user_agent()
    page = await user.arrive(federated.authorize_url(client))
    return user, state_in(await press(user, page, "acme"))


class TestTheButtons:
    async def test_each_provider_has_a_button_in_the_order_of_the_configuration(self, federated, client):
        page = await federated.user_agent().arrive(federated.authorize_url(client))
        assert page.forms[1].buttons == [("provider", name) for name in ("acme", "globex", "initech", "page")]
        assert "Continue with <bdi>Acme</bdi>" in page.text
        assert "password" in page.forms[0].inputs
        assert "password" not in page.forms[1].inputs

    async def test_the_provider_used_last_in_this_browser_comes_first(self, federated, client):
        user = federated.user_agent()
        await sign_in_at(user, await user.arrive(federated.authorize_url(client)), "globex")
        page = await user.get("/sign-in")
        assert page.forms[0].buttons[0] == ("provider", "globex")
        assert "password" in page.forms[1].inputs

    @pytest.mark.parametrize("value", ["nothing", "x" * 4000, "acme-globex", "%00"])
    async def test_a_cookie_that_names_no_provider_changes_nothing(self, federated, value):
        page = await federated.user_agent({PROVIDER: value}).get("/sign-in")
        assert page.forms[1].buttons[0] == ("provider", "acme")

    async def test_a_button_leads_to_a_page_that_navigates_because_a_form_may_not_be_redirected(
        self, federated, client
    ):
        """Chromium applies form-action to each redirect after a form, also to those of the provider (interop.md F6)."""
        user = federated.user_agent()
        page = await user.arrive(federated.authorize_url(client))
        assert "form-action 'self'" in page.headers["Content-Security-Policy"]
        answer = await press(user, page, "acme")
        assert answer.status == 200
        assert str(answer.onward).startswith("https://acme.example/authorize?")
        assert "form-action 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"

    async def test_the_login_hint_of_the_request_is_passed_on(self, federated, client, upstreams):
        user = federated.user_agent()
        await press(user, await user.arrive(federated.authorize_url(client, login_hint="ada@x")), "acme")
        assert upstreams["acme"].requests[0].login_hint == "ada@x"

    @pytest.mark.parametrize(
        ("parameters", "max_age", "again"),
        [
            ({}, None, False),
            ({"max_age": "90"}, 90, False),
            ({"prompt": "login"}, 0, True),
            ({"prompt": "select_account"}, None, True),
        ],
    )
    async def test_demands_of_the_client_on_the_sign_in_are_passed_on_to_the_provider(
        self, federated, client, upstreams, parameters, max_age, again
    ):
        user = federated.user_agent()
        await press(user, await user.arrive(federated.authorize_url(client, **parameters)), "acme")
        assert upstreams["acme"].begun[0].max_age == max_age
        assert upstreams["acme"].requests[0].force_reauthentication is again

    async def test_an_unknown_provider_is_an_error_page(self, federated, client):
        user = federated.user_agent()
        page = await user.arrive(federated.authorize_url(client))
        answer = await user.post("/sign-in", page.forms[1].inputs | {"provider": "evil"})
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_provider_known")

    @pytest.mark.parametrize("csrf", ["", "A" * 43])
    async def test_a_forged_form_stores_nothing_and_asks_no_provider(self, federated, client, upstreams, csrf):
        """P2: another site cannot begin a sign-in in the user's browser by a form."""
        user = federated.user_agent()
        answer = await press(user, await user.arrive(federated.authorize_url(client)), "acme", csrf=csrf)
        assert (answer.status, error_of(federated, answer)) == (400, "csrf")
        assert await stored(federated, "*:upstream*") == []
        assert upstreams["acme"].begun == []

    async def test_a_provider_that_is_away_says_so_and_leaves_the_other_ways(self, federated, client, upstreams):
        upstreams["acme"].available = False
        user = federated.user_agent()
        page = await user.arrive(federated.authorize_url(client))
        assert page.words.count("isn't responding") == 1
        answer = await press(user, page, "acme")
        assert answer.status == 200
        assert "Acme isn't responding" in answer.words
        assert answer.headers["X-Request-Id"] in answer.words
        consent = await user.follow(await sign_in_at(user, answer, "globex"))
        assert ("decision", "approve") in consent.forms[0].buttons
        assert await explained(federated, answer) == "provider_away"


class TestTheWayBack:
    async def test_a_known_identity_leads_to_the_decision_of_the_request(self, federated, client, begun):
        user, state = begun
        answer = await come_back(user, "acme", state=state, code="c")
        assert answer.status == 303
        assert answer.headers["Location"].startswith("/consent?transaction=")
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        parameters = await user.decide(await user.follow(answer))
        assert {"code", "iss", "state"} <= parameters.keys()

    async def test_a_sign_in_without_a_request_leads_to_the_account_page(self, federated):
        user = federated.user_agent()
        answer = await sign_in_at(user, await user.get("/sign-in"), "acme")
        assert answer.headers["Location"] == "/account"
        assert (await user.follow(answer)).status == 200

    async def test_the_provider_gets_what_the_browser_brought_each_once(self, federated, begun, upstreams):
        user, state = begun
        await come_back(user, "acme", state=state, code="c", iss="https://acme.example", origin="https://evil.example")
        pending, parameters = upstreams["acme"].identified[0]
        assert parameters == {"state": state, "code": "c", "iss": "https://acme.example"}
        assert (pending.provider, pending.issuer) == ("acme", "https://acme.example")

    async def test_the_session_is_as_old_as_the_sign_in_at_the_provider(self, federated, client, upstreams):
        upstreams["acme"].age = 3000
        user = federated.user_agent()
        await sign_in_at(user, await user.get("/sign-in"), "acme")
        fresh = await user.arrive(federated.authorize_url(client, max_age=600))
        old = await user.arrive(federated.authorize_url(client, max_age=6000))
        assert ("provider", "acme") in fresh.forms[0].buttons
        assert ("decision", "approve") in old.forms[0].buttons

    async def test_the_audit_log_names_the_provider(self, federated, begun):
        user, state = begun
        await come_back(user, "acme", state=state, code="c")
        await federated.stop()
        entries = [fields for _, fields in await federated.store.command("XRANGE", "sp:{audit}:events", "-", "+")]
        assert any("user.signed_in" in str(fields) and "acme" in str(fields) for fields in entries)

    @pytest.mark.parametrize("age", [0, 3])
    async def test_a_provider_that_signs_in_anew_for_prompt_login_satisfies_the_client(
        self, federated, client, upstreams, age
    ):
        """The provider has refused what is too old; that its clock is behind is no reason to ask again."""
        upstreams["acme"].age = age
        user = federated.user_agent()
        answer = await sign_in_at(user, await user.arrive(federated.authorize_url(client, prompt="login")), "acme")
        assert ("decision", "approve") in (await user.follow(answer)).forms[0].buttons


@pytest.mark.invariant(7)
class TestConsent:
    """P4: a provider that remembers its consent answers at once; the decision here is asked for each time."""

    async def test_consent_is_asked_for_each_client_although_the_provider_asks_nothing(self, federated, begun):
        user, state = begun
        first = await user.follow(await come_back(user, "acme", state=state, code="c"))
        await user.decide(first)
        other = await federated.register(client_name="Attacker")
        page = await user.arrive(federated.authorize_url(other))
        assert ("decision", "approve") in page.forms[0].buttons
        assert "Attacker" in page.text

    async def test_no_answer_of_a_provider_carries_a_code_for_a_client(self, federated, client, begun):
        user, state = begun
        answer = await come_back(user, "acme", state=state, code="c", decision="approve")
        assert "code=" not in answer.headers["Location"]
        assert await stored(federated, "sp:*:grant:*") == []


class TestForeignResponses:
    """No user is signed in, and the provider gets no request."""

    @pytest.fixture
    def refused(self, federated, upstreams):
        def check(answer, user, error):
            assert (answer.status, error_of(federated, answer)) == (400, error)
            assert SESSION not in user.cookies
            assert [fake.identified for fake in upstreams.fakes.values() if fake.identified] == []
            assert "This page has expired" in answer.words

        return check

    async def test_a_response_at_the_callback_of_another_provider_is_refused(self, begun, refused):
        """P1: mix-up. The check comes before the token request."""
        user, state = begun
        refused(await come_back(user, "globex", state=state, code="c"), user, "sign_in_provider")

    @pytest.mark.invariant(3)
    async def test_a_response_in_another_browser_is_refused_and_the_browser_that_began_can_still_finish(
        self, federated, client, begun, refused
    ):
        """P2, P3: the attacker's sign-in does not end in the victim's browser, nor the victim's in the attacker's."""
        user, state = begun
        victim = federated.user_agent()
        await victim.arrive(federated.authorize_url(client))
        refused(await come_back(victim, "acme", state=state, code="c"), victim, "sign_in_browser")
        without_cookies = await come_back(federated.user_agent(), "acme", state=state, code="c")
        refused(without_cookies, victim, "sign_in_browser")
        assert "Allow cookies" in without_cookies.words
        assert (await come_back(user, "acme", state=state, code="c")).status == 303

    @pytest.mark.parametrize("state", ["", "x", "A" * 43, "\ud7ff" * 20, "sp:{x}"])
    async def test_a_response_with_an_unknown_state_is_refused(self, federated, begun, refused, state):
        user, _ = begun
        refused(await come_back(user, "acme", state=state, code="c"), user, "sign_in_known")

    @pytest.mark.invariant(3)
    async def test_a_replayed_response_is_refused(self, federated, begun, upstreams):
        """P5: replay of the whole address, in the browser that began."""
        user, state = begun
        await come_back(user, "acme", state=state, code="c")
        answer = await come_back(user, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_known")
        assert len(upstreams["acme"].identified) == 1

    @pytest.mark.invariant(3)
    async def test_one_of_many_concurrent_responses_is_accepted(self, begun, upstreams):
        """P5: one of them is taken to the provider, whatever the others have read before."""
        user, state = begun
        answers = await asyncio.gather(*(come_back(user, "acme", state=state, code="c") for _ in range(10)))
        assert sorted(answer.status for answer in answers) == [303] + [400] * 9
        assert len(upstreams["acme"].identified) == 1

    async def test_no_two_sign_ins_share_a_state_a_nonce_or_a_verifier(self, federated, client, begun, upstreams):
        """P2, P5, P6: state, nonce and verifier have 256 random bits and are shared by no two sign-ins."""
        user, _ = begun
        await press(user, await user.get(federated.authorize_url(client)), "acme")
        secrets = [s for one in upstreams["acme"].begun for s in (one.state, one.nonce, one.code_verifier)]
        assert (len(secrets), len(set(secrets))) == (6, 6)
        assert all(len(decode(secret)) == 32 for secret in secrets)

    async def test_a_pending_sign_in_expires_after_ten_minutes(self, federated, begun):
        (key,) = await stored(federated, "*:upstream")
        assert 590 < await federated.store.command("TTL", key) <= 600

    async def test_a_response_at_a_callback_that_is_not_configured_is_404(self, federated, begun):
        user, state = begun
        answer = await come_back(user, "evil", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (404, "sign_in_provider_known")
        assert "text/html" in answer.headers["Content-Type"]

    async def test_a_response_with_a_repeated_parameter_is_refused(self, federated, begun):
        user, state = begun
        answer = await user.get(f"/sign-in/callback/acme?state={state}&code=a&code=b")
        assert (answer.status, error_of(federated, answer)) == (400, "repeated_parameter")
        assert "text/html" in answer.headers["Content-Type"]

    async def test_a_response_by_another_method_is_refused(self, federated, begun):
        """A provider that answers in the query does not post: nothing of its form is kept."""
        user, state = begun
        answer = await user.post("/sign-in/callback/acme", {"state": state, "code": "c"})
        assert (answer.status, error_of(federated, answer)) == (405, "sign_in_method")
        assert await stored(federated, "*:upstream_response") == []

    async def test_a_response_to_an_expired_request_is_refused(self, federated, begun, upstreams):
        user, state = begun
        federated.clock.ahead = 1801
        answer = await come_back(user, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "interaction_known")
        assert upstreams["acme"].identified == []


class TestRefusals:
    async def test_a_user_that_declines_is_back_at_the_sign_in_page_of_the_request(self, federated, begun, upstreams):
        user, state = begun
        upstreams["acme"].refusal = SignInRefused("declined", error_id="acme_error", cancelled=True)
        page = await come_back(user, "acme", state=state, error="access_denied")
        assert page.status == 200
        assert "You cancelled the sign-in with Acme." in page.words
        assert SESSION not in user.cookies
        upstreams["acme"].refusal = None
        page = await user.follow(await sign_in_at(user, page, "acme"))
        assert ("decision", "approve") in page.forms[0].buttons

    async def test_a_response_that_fails_a_check_tells_the_user_nothing_and_the_operator_what(
        self, federated, begun, upstreams
    ):
        user, state = begun
        upstreams["acme"].refusal = SignInRefused("the nonce is another", error_id="acme_nonce")
        page = await come_back(user, "acme", state=state, code="c")
        assert page.status == 403
        assert "We couldn't complete the sign-in." in page.words
        assert "nonce" not in page.words
        assert page.headers["X-Request-Id"] in page.words
        assert federated.log_of(page.headers["X-Request-Id"])["reason"] == "the nonce is another"
        assert SESSION not in user.cookies
        await federated.stop()
        errors = await federated.store.command("XRANGE", "sp:{errors}:log", "-", "+")
        assert any("acme_nonce" in str(fields) for _, fields in errors)

    async def test_after_a_refusal_the_provider_must_let_the_user_choose_another_account(
        self, federated, begun, upstreams
    ):
        user, state = begun
        upstreams["acme"].refusal = SignInRefused("a deny rule matches", error_id="identity_refused")
        page = await come_back(user, "acme", state=state, code="c")
        await press(user, page, "acme")
        assert [r.force_reauthentication for r in upstreams["acme"].requests] == [False, True]

    async def test_a_rule_that_refuses_the_identity_is_told(self, start_auth, upstreams):
        setting = json.loads(upstreams.setting)
        setting[0]["allow"] = {"subjects": ["another"]}
        server = await start_auth(IDENTITY_PROVIDERS=json.dumps(setting), build_provider=upstreams.build)
        user = server.user_agent()
        page = await sign_in_at(user, await user.get("/sign-in"), "acme")
        assert (page.status, error_of(server, page)) == (403, "identity_refused")
        assert "This account can't sign in here." in page.words
        assert SESSION not in user.cookies

    async def test_a_provider_that_is_away_by_now_leaves_the_other_ways(self, federated, begun, upstreams):
        user, state = begun
        upstreams["acme"].available = False
        page = await come_back(user, "acme", state=state, code="c")
        assert page.status == 200
        assert "Acme isn't responding" in page.words
        assert page.headers["X-Request-Id"] in page.words
        assert (await user.sign_in(page, USERNAME, PASSWORD)).status == 303

    async def test_a_provider_that_rejects_the_client_is_for_the_operator_to_set_up(self, federated, begun, upstreams):
        user, state = begun
        upstreams["acme"].rejects_client = True
        page = await come_back(user, "acme", state=state, code="c")
        assert page.status == 200
        assert "Acme isn't set up correctly. Please choose another way" in page.words
        assert "Continue with Acme isn't set up correctly" in page.words
        assert "isn't responding" not in page.words
        assert page.headers["X-Request-Id"] in page.words
        assert (await user.sign_in(page, USERNAME, PASSWORD)).status == 303
        assert await explained(federated, page) == "provider_rejects_client"


@pytest.mark.parametrize("provider", ["initech", "page"])
class TestPostedResponses:
    """A form of another site carries no cookie: it is kept under a handle, and taken by the browser that began."""

    @pytest.fixture
    async def sent(self, federated, client, provider):
        user = federated.user_agent()
        page = await user.arrive(federated.authorize_url(client))
        return user, state_in(await press(user, page, provider))

    @pytest.fixture
    def post(self, federated, provider):
        async def post(form, **headers):
            return await federated.post(f"/sign-in/callback/{provider}", form, headers=headers)

        return post

    async def test_a_posted_response_signs_in_the_browser_that_began_and_no_other(
        self, federated, sent, post, provider
    ):
        """P3, P13: for any poster, and any holder of the handle."""
        user, state = sent
        answer = await post({"state": state, "code": "c"}, Origin="https://page.example")
        assert answer.status == 303
        assert answer.headers["Location"].startswith(f"/sign-in/callback/{provider}?response=")
        assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store")
        assert "Set-Cookie" not in answer.headers
        other = federated.user_agent()
        refused = await other.get(answer.headers["Location"])
        assert (refused.status, error_of(federated, refused)) == (400, "sign_in_browser")
        assert (await user.get(answer.headers["Location"])).status == 303
        assert SESSION in user.cookies

    async def test_the_address_of_a_posted_response_works_once(self, federated, sent, post, upstreams, provider):
        user, state = sent
        location = (await post({"state": state, "code": "c"})).headers["Location"]
        await user.get(location)
        again = await user.get(location)
        assert (again.status, error_of(federated, again)) == (400, "sign_in_known")
        assert len(upstreams[provider].identified) == 1

    async def test_the_origin_is_that_of_the_header(self, federated, sent, post, upstreams, provider):
        user, state = sent
        form = {"state": state, "code": "c", "origin": "https://good.example", "response": "x"}
        await user.get((await post(form, Origin="https://evil.example")).headers["Location"])
        assert upstreams[provider].identified[0][1] == {"state": state, "code": "c", "origin": "https://evil.example"}

    async def test_a_response_to_an_unknown_sign_in_is_not_stored(self, federated, sent, post):
        before = await stored(federated, "sp:*upstream*")
        for form in ({"state": "A" * 43, "code": "c"}, {"code": "c"}, {"state": ""}):
            answer = await post(form)
            assert (answer.status, error_of(federated, answer)) == (400, "sign_in_known")
        assert await stored(federated, "sp:*upstream*") == before

    async def test_one_response_to_a_sign_in_is_stored_for_two_minutes(self, federated, sent, post, provider):
        """P15."""
        user, state = sent
        first = (await post({"state": state, "code": "1"})).headers["Location"]
        later = [(await post({"state": state, "code": "2"})).headers["Location"] for _ in range(20)]
        (key,) = await stored(federated, "*:upstream_response")
        assert 110 < await federated.store.command("TTL", key) <= 120
        replaced = await user.get(first)
        assert (replaced.status, error_of(federated, replaced)) == (400, "sign_in_known")
        assert (await user.get(later[-1])).status == 303

    @pytest.mark.parametrize(("size", "status"), [(15_000, 303), (16_400, 400), (70_000, 413)])
    async def test_the_size_of_a_posted_response_is_bounded(self, sent, post, size, status):
        answer = await post({"state": sent[1], "code": "c" * size})
        assert answer.status == status
        assert status == 303 or "text/html" in answer.headers["Content-Type"]

    @pytest.mark.parametrize("handle", ["", "x", f"{'0' * 64}.{'A' * 43}", "é" * 9])
    async def test_a_made_up_handle_is_refused(self, federated, sent, post, provider, handle):
        user, state = sent
        await post({"state": state, "code": "c"})
        answer = await come_back(user, provider, response=handle)
        assert (answer.status, SESSION in user.cookies) == (400, False)

    async def test_the_digest_of_a_state_is_no_handle(self, federated, sent, post, provider):
        user, state = sent
        location = (await post({"state": state, "code": "c"})).headers["Location"]
        handle = location.partition("response=")[2]
        answer = await come_back(user, provider, response=f"{handle.partition('.')[0]}.{'A' * 43}")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_known")


async def test_an_assertion_in_the_query_is_not_taken(federated, client, upstreams):
    """P17: browsers and proxies keep addresses. A page of the operator posts."""
    user = federated.user_agent()
    state = state_in(await press(user, await user.arrive(federated.authorize_url(client)), "page"))
    answer = await come_back(user, "page", state=state, assertion="a.b.c")
    assert (answer.status, error_of(federated, answer)) == (400, "sign_in_method")
    assert upstreams["page"].identified == []


class TestWhereItLeads:
    """P16: nothing in a response chooses where the browser goes."""

    @pytest.mark.parametrize("name", ["redirect_uri", "next", "transaction", "return_to", "error_uri", "iss"])
    async def test_no_parameter_leads_elsewhere(self, federated, begun, name):
        user, state = begun
        answer = await come_back(user, "acme", **{"state": state, "code": "c", name: "https://evil.example/"})
        assert answer.headers["Location"].startswith("/consent?transaction=")
        assert "evil" not in answer.headers["Location"]

    async def test_an_error_of_the_provider_leads_nowhere(self, federated, begun, upstreams):
        user, state = begun
        upstreams["acme"].refusal = SignInRefused("error", error_id="acme_error")
        answer = await come_back(
            user, "acme", state=state, error="x", error_uri="https://evil.example", error_description="https://evil"
        )
        assert "Location" not in answer.headers
        assert "evil" not in answer.text

    @pytest.mark.parametrize("location", ["javascript:alert(1)", "cursor://x", "data:text/html,x", "https://a b"])
    async def test_a_provider_that_names_no_web_address_is_a_fault(
        self, federated, client, upstreams, monkeypatch, location
    ):
        async def elsewhere(pending, request):
            return location

        monkeypatch.setattr(upstreams["acme"], "authorization_url", elsewhere)
        user = federated.user_agent()
        answer = await press(user, await user.arrive(federated.authorize_url(client)), "acme")
        assert (answer.status, error_of(federated, answer)) == (503, "onward_location")


@pytest.mark.invariant(4, 9)
async def test_no_secret_of_a_sign_in_is_in_the_store_or_the_log(federated, client, upstreams, output):
    """P17: state, verifier, code and assertion, before and after the callback, and when a check fails."""
    output.begin()
    user = federated.user_agent()
    state = state_in(await press(user, await user.arrive(federated.authorize_url(client)), "initech"))
    posted = await federated.post(
        "/sign-in/callback/initech", {"state": state, "code": "canary-code", "assertion": "canary-assertion"}
    )
    handle = posted.headers["Location"].partition("response=")[2]
    pending = upstreams["initech"].begun[0]
    keys = await stored(federated, "*:upstream*")
    assert len(keys) == 2
    kept = str(await stored(federated, "*")) + str([await federated.store.command("GET", key) for key in keys])
    upstreams["initech"].refusal = SignInRefused("a check", error_id="acme_nonce")
    await user.get(posted.headers["Location"])
    await come_back(user, "initech", state=state, code="canary-code")
    secrets = [state, pending.code_verifier, pending.nonce, "canary-code", "canary-assertion", handle.partition(".")[2]]
    printed = output() + str(federated.logs)
    assert [secret for secret in secrets if secret in kept] == []
    assert [secret for secret in [*secrets, handle] if secret in printed] == []
