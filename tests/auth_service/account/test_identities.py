"""Linking and unlinking on the account page (P10, invariant 13): each side proved within five minutes, by its user."""

import pytest

from auth_service.federation.provider import SignInRefused
from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.fake_provider import Upstreams, come_back, press, sign_in_at, state_in

pytestmark = pytest.mark.invariant(13)

SESSION = "__Host-sallyport-session"


@pytest.fixture
async def ada(federated):
    """A browser with a session by password."""
    user = federated.user_agent()
    await user.sign_in(await user.get("/sign-in"))
    return user


async def link(user, provider="acme"):
    """Press the button on the account page and come back; the account page with its notice."""
    answer = await press(user, await user.get("/account"), provider)
    answer = await come_back(user, provider, state=state_in(answer), code="c")
    return await user.follow(answer) if answer.status == 303 else answer


async def unlink(user, **values):
    page = await user.get("/account")
    form = next(form for form in page.forms if form.action == "/account/unlink")
    return await user.post(form.action, form.inputs | values)


def error_of(server, answer):
    return server.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def subject_of(server, user):
    return user.cookies[SESSION].partition(".")[0]


class TestThePage:
    async def test_lists_what_is_linked_with_the_name_of_the_provider_beside_that_of_the_account(
        self, federated, ada, upstreams
    ):
        """P18: the provider lets its users choose names."""
        upstreams["acme"].statement = {"email": "grace@example.org", "email_verified": True}
        page = await link(ada)
        assert "Account linked." in page.words
        assert "<strong><bdi>Acme</bdi></strong>" in page.text
        assert "grace@example.org" in page.words

    async def test_does_not_show_an_address_that_the_provider_did_not_verify(self, federated, ada, upstreams):
        """P18."""
        upstreams["acme"].statement = {"email": "grace@example.org", "name": "Grace", "login": "eve"}
        page = await link(ada)
        assert "<bdi>eve</bdi>" in page.text
        assert "grace@example.org" not in page.words

    async def test_a_user_without_a_password_is_not_asked_for_one(self, federated):
        user = federated.user_agent()
        page = await user.follow(await sign_in_at(user, await user.get("/sign-in"), "acme"))
        assert "Current password" not in page.words
        assert "Your only way to sign in" in page.words

    async def test_the_page_does_not_mention_identities_without_providers(self, start_auth):
        server = await start_auth()
        await server.users.add(USERNAME, PASSWORD)
        user = server.user_agent()
        await user.sign_in(await user.get("/sign-in"))
        page = await user.get("/account")
        assert "Link " not in page.words
        assert "Current password" in page.words


class TestLinking:
    async def test_linking_makes_both_ways_lead_to_one_account(self, federated, ada):
        await link(ada)
        other = federated.user_agent()
        await sign_in_at(other, await other.get("/sign-in"), "acme")
        assert await subject_of(federated, other) == await subject_of(federated, ada)

    async def test_linking_starts_no_session(self, federated, ada):
        before = ada.cookies[SESSION]
        await link(ada)
        assert ada.cookies[SESSION] == before

    async def test_linking_demands_of_the_provider_a_sign_in_of_the_last_five_minutes(self, federated, ada, upstreams):
        await link(ada)
        assert upstreams["acme"].begun[0].max_age == 300

    async def test_linking_is_refused_in_a_session_that_was_left_open(self, federated, ada, upstreams):
        federated.clock.ahead = 301
        page = await press(ada, await ada.get("/account"), "acme")
        page = await ada.follow(page)
        assert "Please sign in again first." in page.words
        assert upstreams["acme"].begun == []

    async def test_signing_in_again_demands_the_same_of_the_provider(self, federated, upstreams):
        """A provider that remembers the user would go on with the old sign-in for ever."""
        user = federated.user_agent()
        await sign_in_at(user, await user.get("/sign-in"), "acme")
        await press(user, await user.get("/sign-in?again=1"), "acme")
        assert [r.force_reauthentication for r in upstreams["acme"].requests] == [False, True]

    async def test_a_page_of_one_user_begins_nothing_for_another_who_signed_in_in_a_second_tab(
        self, federated, ada, upstreams
    ):
        """The identity would be added to an account that the page did not name (P2, P10)."""
        page = await ada.get("/account")
        await federated.users.add("eve", PASSWORD)
        await ada.sign_in(await ada.get("/sign-in"), "eve")
        answer = await press(ada, page, "acme")
        assert (answer.status, error_of(federated, answer)) == (400, "csrf")
        assert upstreams["acme"].begun == []

    @pytest.mark.parametrize("csrf", ["", "A" * 43])
    async def test_a_form_of_another_site_begins_nothing(self, federated, ada, upstreams, csrf):
        answer = await press(ada, await ada.get("/account"), "acme", csrf=csrf)
        assert (answer.status, error_of(federated, answer)) == (400, "csrf")
        assert upstreams["acme"].begun == []

    async def test_another_user_who_signed_in_meanwhile_gets_no_identity(self, federated, ada, upstreams):
        state = state_in(await press(ada, await ada.get("/account"), "acme"))
        await federated.users.add("eve", PASSWORD)
        await ada.sign_in(await ada.get("/sign-in"), "eve")
        answer = await come_back(ada, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_link")
        assert upstreams["acme"].identified == []

    async def test_a_browser_that_signed_out_meanwhile_is_neither_linked_nor_signed_in(self, federated, ada, upstreams):
        """P2: the response for one purpose does not serve the other."""
        state = state_in(await press(ada, await ada.get("/account"), "acme"))
        page = await ada.get("/account")
        form = next(form for form in page.forms if form.action == "/account/sign-out")
        await ada.post(form.action, form.inputs | {"where": "here"})
        answer = await come_back(ada, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_link")
        assert (upstreams["acme"].identified, SESSION in ada.cookies) == ([], False)

    async def test_a_session_that_is_older_by_then_links_nothing(self, federated, ada, upstreams):
        """Renewed meanwhile by a provider where the user signed in long ago: this side is no longer proved."""
        await link(ada, "globex")
        await ada.sign_in(await ada.get("/sign-in"))
        state = state_in(await press(ada, await ada.get("/account"), "acme"))
        upstreams["globex"].age = 3000
        await sign_in_at(ada, await ada.get("/sign-in"), "globex")
        answer = await come_back(ada, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_link")
        assert upstreams["acme"].identified == []

    async def test_a_sign_in_in_a_signed_in_browser_links_nothing(self, federated, ada):
        """P2: nor the reverse. The browser changes to the account of the identity."""
        before = await subject_of(federated, ada)
        await sign_in_at(ada, await ada.get("/sign-in"), "acme")
        assert await subject_of(federated, ada) != before
        await ada.sign_in(await ada.get("/sign-in"))
        assert "Unlink" not in (await ada.get("/account")).words

    async def test_linking_is_refused_in_another_browser_of_the_same_user(self, federated, ada, upstreams):
        other = federated.user_agent()
        await other.sign_in(await other.get("/sign-in"))
        state = state_in(await press(ada, await ada.get("/account"), "acme"))
        answer = await come_back(other, "acme", state=state, code="c")
        assert (answer.status, error_of(federated, answer)) == (400, "sign_in_browser")
        assert upstreams["acme"].identified == []

    async def test_an_identity_of_another_account_stays_there(self, federated, ada):
        other = federated.user_agent()
        await sign_in_at(other, await other.get("/sign-in"), "acme")
        page = await link(ada)
        assert "already belongs to another user" in page.words
        again = federated.user_agent()
        await sign_in_at(again, await again.get("/sign-in"), "acme")
        assert await subject_of(federated, again) == await subject_of(federated, other)

    async def test_a_refusal_of_the_provider_changes_nothing_and_is_told(self, federated, ada, upstreams):
        upstreams["acme"].refusal = SignInRefused("the nonce is another", error_id="acme_nonce")
        page = await link(ada)
        assert "Nothing was changed." in page.words
        assert "Unlink" not in page.words

    async def test_a_user_that_declines_is_back_at_the_page(self, federated, ada, upstreams):
        upstreams["acme"].refusal = SignInRefused("declined", error_id="acme_error", cancelled=True)
        page = await link(ada)
        assert page.status == 200
        assert "Unlink" not in page.words

    @pytest.mark.parametrize("when", ["before", "meanwhile"])
    async def test_a_provider_that_is_away_is_told(self, federated, ada, upstreams, when):
        upstreams["acme"].available = when != "before"
        answer = await press(ada, await ada.get("/account"), "acme")
        if when == "meanwhile":
            upstreams["acme"].available = False
            answer = await come_back(ada, "acme", state=state_in(answer), code="c")
        assert "isn't responding" in (await ada.follow(answer)).words

    async def test_a_provider_that_rejects_the_client_is_for_the_operator(self, federated, ada, upstreams):
        upstreams["acme"].rejects_client = True
        assert "isn't set up correctly. Please tell your administrator" in (await link(ada)).words

    async def test_a_provider_that_is_not_configured_is_passed_over(self, federated, ada):
        page = await ada.get("/account")
        form = next(form for form in page.forms if form.action == "/account/link")
        answer = await ada.post(form.action, form.inputs | {"provider": "evil"})
        assert answer.headers["Location"] == "/account"


class TestUnlinking:
    async def test_the_next_sign_in_with_an_unlinked_identity_makes_another_account(self, federated, ada):
        await link(ada)
        answer = await unlink(ada)
        assert "Account unlinked." in (await ada.follow(answer)).words
        other = federated.user_agent()
        await sign_in_at(other, await other.get("/sign-in"), "acme")
        assert await subject_of(federated, other) != await subject_of(federated, ada)

    async def test_unlinking_signs_out_every_browser_but_this_one(self, federated, ada):
        await link(ada)
        other = federated.user_agent()
        await sign_in_at(other, await other.get("/sign-in"), "acme")
        await unlink(ada)
        assert (await other.get("/account")).status == 303
        assert (await ada.get("/account")).status == 200

    async def test_a_browser_that_signed_in_with_the_identity_is_signed_out(self, federated, ada):
        await link(ada)
        await sign_in_at(ada, await ada.get("/sign-in"), "acme")
        assert (await unlink(ada)).headers["Location"] == "/sign-in"
        assert (await ada.get("/account")).status == 303

    async def test_the_only_way_to_sign_in_is_kept(self, federated, ada):
        user = federated.user_agent()
        await sign_in_at(user, await user.get("/sign-in"), "acme")
        form = (await link(user, "globex")).forms
        keys = [f.inputs["identity"] for f in form if f.action == "/account/unlink"]
        assert len(keys) == 2
        page = await user.follow(await user.post("/account/unlink", form[0].inputs | {"identity": keys[1]}))
        csrf = page.forms[0].inputs["csrf"]
        answer = await user.post("/account/unlink", {"csrf": csrf, "identity": keys[0]})
        assert "only way to sign in" in (await user.follow(answer)).words
        again = federated.user_agent()
        await sign_in_at(again, await again.get("/sign-in"), "acme")
        assert await subject_of(federated, again) == await subject_of(federated, user)

    async def test_an_identity_of_another_user_stays(self, federated, ada):
        eve = federated.user_agent()
        await sign_in_at(eve, await eve.get("/sign-in"), "globex")
        page = await link(eve)
        key = next(f.inputs["identity"] for f in page.forms if f.action == "/account/unlink")
        await link(ada, "globex")
        page = await ada.get("/account")
        answer = await ada.post("/account/unlink", page.forms[0].inputs | {"identity": key})
        assert answer.headers["Location"] == "/account"
        assert key in (await eve.get("/account")).text

    @pytest.mark.parametrize("change", ["csrf", "age"])
    async def test_unlinking_needs_the_form_of_this_browser_and_a_recent_sign_in(self, federated, ada, change):
        await link(ada)
        if change == "age":
            federated.clock.ahead = 301
        answer = await unlink(ada, **({"csrf": "A" * 43} if change == "csrf" else {}))
        assert answer.status == (303 if change == "age" else 400)
        assert "Unlink" in (await ada.get("/account")).words


class TestWithoutPasswords:
    @pytest.fixture
    async def user(self, start_auth):
        upstreams = Upstreams("acme", "globex")
        server = await start_auth(IDENTITY_PROVIDERS=upstreams.setting, PASSWORDS="off", build_provider=upstreams.build)
        user = server.user_agent()
        await sign_in_at(user, await user.get("/sign-in"), "acme")
        return user

    async def test_the_form_for_a_password_is_not_shown_and_not_taken(self, user):
        page = await user.get("/account")
        assert "Current password" not in page.words
        form = page.forms[0].inputs | {"current_password": PASSWORD, "new_password": "a b c d e f g h i j"}
        answer = await user.post("/account/password", form | {"repeated_password": "a b c d e f g h i j"})
        assert answer.headers["Location"] == "/account"


async def test_the_audit_log_tells_of_links(federated, ada):
    await link(ada)
    await unlink(ada)
    await federated.stop()
    text = str(await federated.store.command("XRANGE", "sp:{audit}:events", "-", "+"))
    assert "user.identity_linked" in text
    assert "user.identity_unlinked" in text
    assert "acme" in text
