import re
import time

import pytest

from auth_service.audit.repository import AuditRepository
from auth_service.clients.repository import ClientRepository
from tests.support.auth_server import HOSTED, PASSWORD, USERNAME

NEW_PASSWORD = "another handful of words"
EVE = "eve"


class Visitor:
    """A user's browser at their own page."""

    def __init__(self, auth):
        self._auth = auth
        self.user = auth.user_agent()

    async def sign_in(self, username=USERNAME, password=PASSWORD):
        """The answer to the sign-in form."""
        page = await self.user.get(f"{self._auth.base}/sign-in")
        return await self.user.sign_in(page, username, password)

    async def page(self, query=""):
        return await self.user.get(f"{self._auth.base}/account{query}")

    async def is_signed_in(self):
        return (await self.page()).status == 200

    async def take(self, step, *, page=None, after=None, **values):
        """Send the form of a step, from the page as it is now or was then, and see where it leads."""
        page = page or await self.page()
        address = f"{self._auth.base}/account/{step}"
        forms = [f for f in page.forms if f.action == address]
        chosen = next(f for f in forms if after is None or f.inputs.get("grant") == after)
        answer = await self.user.post(address, chosen.inputs | values)
        return await self.user.follow(answer) if answer.status == 303 else answer

    async def let_in(self, client):
        return await self._auth.tokens(client, self.user)


@pytest.fixture
async def ada(auth):
    visitor = Visitor(auth)
    assert (await visitor.sign_in()).headers["Location"] == "/account"
    return visitor


@pytest.fixture
async def elsewhere(auth):
    """Ada again, at another browser."""
    visitor = Visitor(auth)
    await visitor.sign_in()
    return visitor


async def still_works(auth, client, tokens):
    answer = await auth.refresh(client, tokens["refresh_token"])
    if answer.status == 200:
        return True
    assert (answer.status, answer.json["error"]) == (400, "invalid_grant")
    return False


def change(current=PASSWORD, new=NEW_PASSWORD, repeated=NEW_PASSWORD):
    return {"current_password": current, "new_password": new, "repeated_password": repeated}


class TestThePage:
    async def test_is_only_for_a_signed_in_user(self, auth):
        answer = await Visitor(auth).page()
        assert (answer.status, answer.headers["Location"]) == (303, "/sign-in")

    @pytest.mark.parametrize(
        "step", ["end-access", "end-all-access", "sign-out", "sign-out-browser", "password", "link", "unlink"]
    )
    async def test_refuses_a_form_that_it_did_not_make_also_without_a_session(self, auth, step):
        answer = await Visitor(auth).user.post(f"{auth.base}/account/{step}", {"csrf": "x" * 43})
        assert answer.status == 400

    async def test_is_where_the_issuer_s_own_address_leads(self, auth):
        answer = await auth.get("/")
        assert (answer.status, answer.headers["Location"]) == (303, "/account")

    async def test_lists_each_application_with_its_scopes_time_and_address(self, auth, ada):
        await ada.let_in(await auth.register(HOSTED, client_name="Claude Code"))
        text = (await ada.page()).text
        for told in ["Claude Code", "Notes", "Read your notes", "client.example", "just now", "127.0.0.1"]:
            assert told in text
        assert "Not verified" in text

    async def test_lists_nothing_before_anything_is_allowed(self, ada):
        assert "No app has access." in (await ada.page()).text

    async def test_shares_no_window_with_a_client(self, ada):
        assert (await ada.page()).headers["Cross-Origin-Opener-Policy"] == "same-origin"

    async def test_says_what_a_step_did_only_to_the_user_that_took_it(self, ada):
        for query in ["?notice=password-changed", "?notice=password-changed&mac=AAAA", "?notice=%00&mac=%ff"]:
            assert 'role="status"' not in (await ada.page(query)).text

    async def test_stands_below_an_issuer_with_a_path(self, start_auth):
        auth = await start_auth(ISSUER="https://auth.example/tenant")
        await auth.users.add(USERNAME, PASSWORD)
        visitor = Visitor(auth)
        assert (await visitor.sign_in()).headers["Location"] == "/tenant/account"
        assert (await auth.get("/tenant/")).headers["Location"] == "/tenant/account"
        forms = (await visitor.page()).forms
        assert {f.action for f in forms} == {"/tenant/account/password", "/tenant/account/sign-out"}


class TestEndingAccess:
    async def test_ending_one_application_leaves_the_others(self, auth, ada):
        first, second = await auth.register(client_name="First"), await auth.register(client_name="Second")
        ended, kept = await ada.let_in(first), await ada.let_in(second)
        grants = {form.inputs.get("grant") for form in (await ada.page()).forms} - {None}
        (of_first,) = [g for g in grants if (await auth.grants.find(g)).client_id == first.client_id]
        page = await ada.take("end-access", after=of_first)
        assert "Access removed." in page.text
        assert "First" not in page.text
        assert "Second" in page.text
        assert not await still_works(auth, first, ended)
        assert await still_works(auth, second, kept)

    async def test_ending_all_applications_ends_each_of_them(self, auth, ada, elsewhere):
        clients = [await auth.register(client_name=name) for name in ("First", "Second")]
        tokens = [await ada.let_in(client) for client in clients]
        page = await ada.take("end-all-access")
        assert "All access removed." in page.text
        assert "No app has access." in page.text
        assert [await still_works(auth, *pair) for pair in zip(clients, tokens, strict=True)] == [False, False]
        assert await elsewhere.is_signed_in()
        await auth.stop()
        entries = [e async for e in AuditRepository(auth.store).read() if e.event == "grant.revoked"]
        assert [entry.fields["reason"] for entry in entries] == ["ended_by_user"] * 2

    @pytest.mark.parametrize(
        ("step", "values"), [("end-all-access", {}), ("sign-out", {"where": "everywhere", "applications": "end"})]
    )
    async def test_ending_all_applications_ends_approvals_whose_code_is_not_redeemed(self, auth, ada, step, values):
        await ada.let_in(await auth.register(client_name="First"))
        code = await auth.code(await auth.register(client_name="Second"), ada.user)
        await ada.take(step, **values)
        refused = await auth.redeem(code)
        assert (refused.status, refused.json["error"]) == (400, "invalid_grant")

    async def test_ending_all_applications_leaves_those_of_other_users(self, auth, ada):
        tokens = await ada.let_in(client := await auth.register())
        await auth.users.add(EVE, PASSWORD)
        eve = Visitor(auth)
        await eve.sign_in(EVE)
        theirs = await eve.let_in(of_eve := await auth.register(client_name="Eve's"))
        await eve.take("end-all-access", grant="x", user=USERNAME)
        assert await still_works(auth, client, tokens)
        assert not await still_works(auth, of_eve, theirs)

    async def test_ending_access_twice_is_harmless(self, auth, ada):
        await ada.let_in(await auth.register())
        page = await ada.page()
        assert (await ada.take("end-access", page=page)).status == 200
        assert (await ada.take("end-access", page=page)).status == 200

    async def test_a_user_cannot_end_the_access_of_another(self, auth, ada):
        tokens = await ada.let_in(client := await auth.register())
        (grant,) = {form.inputs.get("grant") for form in (await ada.page()).forms} - {None}
        await auth.users.add(EVE, PASSWORD)
        eve = Visitor(auth)
        await eve.sign_in(EVE)
        await eve.let_in(await auth.register())
        assert "Access removed." not in (await eve.take("end-access", grant=grant)).text
        assert await still_works(auth, client, tokens)

    async def test_ending_an_unknown_grant_does_nothing(self, auth, ada):
        tokens = await ada.let_in(client := await auth.register())
        page = await ada.page()
        for grant in ["", "x", "../../etc", "A" * 22, "é" * 22]:
            answer = await ada.take("end-access", page=page, grant=grant)
            assert answer.status == 200
            assert "Access removed." not in answer.text
        assert await still_works(auth, client, tokens)


class TestAFormFromElsewhere:
    """CSRF (RFC 9700 section 4.7)."""

    @pytest.mark.parametrize("step", ["end-access", "end-all-access", "password", "sign-out"])
    async def test_a_form_from_elsewhere_is_refused_and_changes_nothing(self, auth, ada, elsewhere, step):
        tokens = await ada.let_in(client := await auth.register())
        theirs = (await elsewhere.page()).forms[0].inputs["csrf"]
        for csrf in ("A" * 43, "", theirs):
            values = change() | {"where": "everywhere", "applications": "end", "csrf": csrf}
            assert (await ada.take(step, **values)).status == 400
        assert await ada.is_signed_in()
        assert await auth.users.authenticate(USERNAME, PASSWORD)
        assert await still_works(auth, client, tokens)


async def test_a_browser_that_keeps_no_cookies_is_told_so(auth):
    user = auth.user_agent()
    page = await user.get("/sign-in")
    user.cookies.clear()
    answer = await user.sign_in(page)
    assert answer.status == 400
    assert "Allow cookies for this site" in answer.text


class TestChangingThePassword:
    async def test_a_new_password_signs_out_every_other_browser_and_keeps_applications(self, auth, ada, elsewhere):
        tokens = await ada.let_in(client := await auth.register())
        assert "Password changed." in (await ada.take("password", **change())).text
        assert await ada.is_signed_in()
        assert not await elsewhere.is_signed_in()
        assert (await elsewhere.sign_in()).status == 403
        assert (await elsewhere.sign_in(password=NEW_PASSWORD)).status == 303
        assert await still_works(auth, client, tokens)

    @pytest.mark.parametrize(
        ("fields", "told"),
        [
            (change(current="not the password"), "That isn't your current password."),
            (change(current=""), "That isn't your current password."),
            (change(repeated=NEW_PASSWORD + "x"), "The two new passwords aren't the same."),
            (change(new="", repeated=""), "The two new passwords aren't the same."),
            (change(new="password12", repeated="password12"), "this one is too common"),
            (change(new="tiny one", repeated="tiny one"), "at least 10 characters"),
            (change(new="w x y z" * 200, repeated="w x y z" * 200), "Choose a shorter password"),
        ],
    )
    async def test_a_rejected_change_is_explained_and_the_old_password_stays(self, auth, ada, elsewhere, fields, told):
        answer = await ada.take("password", **fields)
        assert told in answer.text
        assert "Your password wasn't changed." in answer.words
        assert not fields["new_password"] or fields["new_password"] not in answer.text
        assert await elsewhere.is_signed_in()
        assert await auth.users.authenticate(USERNAME, PASSWORD)

    async def test_a_removed_user_cannot_change_the_password(self, auth, ada):
        page = await ada.page()
        await auth.users.remove(await auth.users.find_by_name(USERNAME))
        assert "Password changed." not in (await ada.take("password", page=page, **change())).text

    @pytest.mark.parametrize(
        ("fields", "marked"),
        [
            (change(new="password12", repeated="password12"), "new"),
            (change(current="not the password"), "current"),
            (change(repeated=NEW_PASSWORD + "x"), "repeated"),
        ],
    )
    async def test_a_rejected_change_marks_the_wrong_field_and_says_why_beside_it(self, ada, fields, marked):
        text = (await ada.take("password", **fields)).text
        wrong = re.findall(r'<input id="(\w+)"[^>]*aria-invalid="true" autofocus aria-describedby="problem', text)
        assert wrong == [marked]
        assert text.count('aria-invalid="true" autofocus') == text.count('id="problem"') == 1
        assert re.search(rf'<input id="{marked}"[^>]*>\s*<p class="problem" id="problem">', text)
        assert re.search(r"<details open>\s*<summary>\s*<strong>Password</strong>", text)


class TestSigningOut:
    async def test_signing_out_here_leaves_other_browsers_signed_in(self, ada, elsewhere):
        assert "You're signed out" in (await ada.take("sign-out", where="here")).text
        assert not await ada.is_signed_in()
        assert await elsewhere.is_signed_in()

    async def test_signing_out_everywhere_ends_every_session_and_spares_applications(self, auth, ada, elsewhere):
        tokens = await ada.let_in(client := await auth.register())
        await ada.take("sign-out", where="everywhere")
        assert not await ada.is_signed_in()
        assert not await elsewhere.is_signed_in()
        assert await still_works(auth, client, tokens)

    async def test_signing_out_everywhere_can_end_every_application_too(self, auth, ada):
        clients = [await auth.register(client_name=name) for name in ("First", "Second")]
        tokens = [await ada.let_in(client) for client in clients]
        page = await ada.take("sign-out", where="everywhere", applications="end")
        assert "2 apps lost their access too." in page.text
        for client, held in zip(clients, tokens, strict=True):
            assert not await still_works(auth, client, held)


async def test_another_user_can_sign_in_instead_and_return_to_the_decision(auth, ada):
    await auth.users.add(EVE, PASSWORD)
    page = await ada.user.consent_page(auth.authorize_url(await auth.register()))
    assert f"<strong><bdi>{USERNAME}</bdi></strong>" in page.text
    assert '<button class="link" type="submit" form="switch">Not you?</button>' in page.text
    (switch,) = [form for form in page.forms if "switch" in form.inputs]
    assert switch.inputs["transaction"] == page.forms[0].inputs["transaction"]
    sign_in = await ada.user.post(switch.action, switch.inputs)
    assert sign_in.forms[0].inputs["username"] == ""
    assert 'role="alert"' not in sign_in.text
    again = await ada.user.follow(await ada.user.sign_in(sign_in, EVE))
    assert f"<strong><bdi>{EVE}</bdi></strong>" in again.text
    switch = again.forms[1]
    back = await ada.user.follow(await ada.user.sign_in(await ada.user.post(switch.action, switch.inputs)))
    assert back.forms[0].inputs["transaction"] == again.forms[0].inputs["transaction"]
    assert "code" in await ada.user.decide(back)


class TestAnUnknownClient:
    """interop.md A18."""

    async def test_an_unknown_client_gets_a_page_that_tells_how_to_clear_its_registration(self, auth):
        client = await auth.register()
        client.client_id = "own-never-issued"
        answer = await auth.get(auth.authorize_url(client))
        assert answer.status == 400
        assert answer.refresh is None
        assert "rm -rf ~/.mcp-auth" in answer.text
        assert "a connection that doesn't exist here" in answer.text

    async def test_an_ended_client_gets_a_page_that_tells_that_its_registration_ended(self, auth):
        client, now = await auth.register(), int(time.time())
        clients = ClientRepository(auth.store)
        assert await clients.record_use(client.client_id, now=now, expires_at=now + 86_400)
        assert await clients.end(client.client_id, now=now)
        answer = await auth.get(auth.authorize_url(client))
        assert answer.status == 400
        assert "Its connection has expired or was removed" in answer.text
