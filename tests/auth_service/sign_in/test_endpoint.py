"""GET and POST /sign-in: the same answer and work for every wrong guess, sessions that cannot be planted."""

import re

import pytest

from auth_service.sessions.repository import SessionRepository
from auth_service.users.passwords import PasswordHasher
from tests.support.auth_server import PASSWORD, USERNAME

BROWSER, SESSION = "__Host-sallyport-browser", "__Host-sallyport-session"


def check_of(auth, answer):
    return auth.log_of(answer.headers["X-Request-Id"]).get("error_id")


async def sessions(auth):
    return await auth.store.command("KEYS", "sp:*:session:*")


async def test_the_form_names_the_application_and_what_it_wants_to_use(auth, client):
    page = await auth.user_agent().arrive(auth.authorize_url(client))
    assert page.status == 200
    assert "Desk" in page.text
    assert "Notes" in page.text
    assert {"username", "password", "transaction", "csrf"} <= page.forms[0].inputs.keys()


async def test_the_right_password_leads_to_the_decision(auth, client):
    user = auth.user_agent()
    answer = await user.sign_in(await user.arrive(auth.authorize_url(client)))
    assert answer.status == 303
    assert re.fullmatch(r"/consent\?transaction=[\w-]{31}", answer.headers["Location"])
    assert answer.headers["Cache-Control"] == "no-store"


async def test_without_an_application_sign_in_leads_to_the_account_page(auth):
    user = auth.user_agent()
    answer = await user.sign_in(await user.get("/sign-in"))
    assert answer.headers["Location"] == "/account"


class TestWrongGuesses:
    @pytest.mark.parametrize("change", ["suspend", "remove"])
    async def test_a_user_who_is_suspended_or_removed_during_a_sign_in_gets_no_session(
        self, auth, client, monkeypatch, change
    ):
        """Every session has been ended when the verification of the password ends."""
        verify = PasswordHasher.verify
        ada = await auth.users.find_by_name(USERNAME)

        async def verify_meanwhile(self, *args):
            right = await verify(self, *args)
            await getattr(auth.users, change)(ada)
            await SessionRepository(auth.store, lifetime_seconds=60).end_all(ada.subject, now=auth.clock())
            return right

        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        monkeypatch.setattr(PasswordHasher, "verify", verify_meanwhile)
        answer = await user.sign_in(page)
        assert (answer.status, SESSION in user.cookies) == (403, False)
        assert "Incorrect username or password." in answer.text
        assert await sessions(auth) == []

    async def test_a_wrong_name_and_a_wrong_password_get_the_same_page(self, auth, client):
        texts = []
        for username in (USERNAME, "nobody", "n" * 300, "{sp}:x", "a\r\nb"):
            user = auth.user_agent()
            answer = await user.sign_in(await user.arrive(auth.authorize_url(client)), username, "wrong")
            assert answer.status == 403
            hidden = re.sub(r'value="[^"]*"', "", answer.text)
            texts.append(hidden)
            assert SESSION not in user.cookies
        assert len(set(texts)) == 1

    async def test_the_same_work_is_done_for_an_unknown_name(self, auth, client, monkeypatch):
        """Counted, not timed: one password hash and the same commands of the store."""
        verified: list[bool] = []
        commands: list[list[str]] = []
        verify, command = PasswordHasher.verify, auth.store.command

        async def count_verify(hasher, password, stored_hash):
            verified.append(stored_hash is None)
            return await verify(hasher, password, stored_hash)

        async def count_command(*args):
            # The key ring and the status lists are read in the background, at any time.
            if not any(str(argument).startswith(("sp:{keys}", "sp:{status_lists}")) for argument in args):
                commands[-1].append(args[0])
            return await command(*args)

        monkeypatch.setattr(PasswordHasher, "verify", count_verify)
        for username in (USERNAME, "nobody"):
            user = auth.user_agent()
            page = await user.arrive(auth.authorize_url(client))
            commands.append([])
            monkeypatch.setattr(auth.store, "command", count_command)
            await user.sign_in(page, username, "wrong")
            monkeypatch.setattr(auth.store, "command", command)
        assert verified == [False, True]
        assert commands[0]
        assert commands[0] == commands[1]

    @pytest.mark.parametrize("form", [{"username": ""}, {"password": ""}, {"username": "  "}])
    async def test_a_form_that_is_not_filled_in_is_shown_again(self, auth, client, form):
        user = auth.user_agent()
        answer = await user.submit(
            await user.arrive(auth.authorize_url(client)), **{"username": USERNAME, "password": PASSWORD} | form
        )
        assert answer.status == 200
        assert "Enter your username" in answer.text
        assert SESSION not in user.cookies

    async def test_the_typed_name_comes_back_as_text(self, auth, client):
        user = auth.user_agent()
        answer = await user.sign_in(
            await user.arrive(auth.authorize_url(client)), '"><script>alert(1)</script>', "wrong"
        )
        assert "<script>alert" not in answer.text
        assert answer.forms[0].inputs["username"] == '"><script>alert(1)</script>'
        assert answer.forms[0].inputs["password"] == ""

    @pytest.mark.parametrize("password", ["x" * 300, "x" * 60_000, PASSWORD + "x", PASSWORD.upper(), "\u00e4" * 100])
    async def test_odd_passwords_are_wrong_passwords(self, auth, client, password):
        user = auth.user_agent()
        assert (await user.sign_in(await user.arrive(auth.authorize_url(client)), password=password)).status == 403


class TestForgery:
    """RFC 9700 section 4.7: login CSRF, and transactions of other browsers."""

    @pytest.mark.parametrize("csrf", [None, "", "x", "A" * 43])
    async def test_a_wrong_csrf_value_is_refused_before_the_password_is_looked_at(self, auth, client, csrf):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        form = page.forms[0].inputs | {"username": USERNAME, "password": PASSWORD}
        form = {k: v for k, v in (form | {"csrf": csrf}).items() if v is not None}
        answer = await user.post("/sign-in", form)
        assert (answer.status, check_of(auth, answer)) == (400, "csrf")
        assert SESSION not in user.cookies

    async def test_the_value_of_one_transaction_does_not_serve_another(self, auth, client):
        user = auth.user_agent()
        first, second = [(await user.arrive(auth.authorize_url(client))).forms[0].inputs for _ in range(2)]
        mixed = first | {"csrf": second["csrf"], "username": USERNAME, "password": PASSWORD}
        assert check_of(auth, await user.post("/sign-in", mixed)) == "csrf"

    async def test_the_form_of_one_browser_does_not_serve_another(self, auth, client):
        attacker, victim = auth.user_agent(), auth.user_agent()
        form = (await attacker.arrive(auth.authorize_url(client))).forms[0].inputs | {
            "username": USERNAME,
            "password": PASSWORD,
        }
        await victim.get("/sign-in")
        answer = await victim.post("/sign-in", form)
        assert check_of(auth, answer) == "csrf"
        assert SESSION not in victim.cookies

    async def test_a_browser_without_the_cookie_cannot_post(self, auth, client):
        page = await auth.user_agent().arrive(auth.authorize_url(client))
        form = page.forms[0].inputs | {"username": USERNAME, "password": PASSWORD}
        assert check_of(auth, await auth.user_agent().post("/sign-in", form)) == "csrf"

    @pytest.mark.parametrize("site", ["cross-site", "same-site"])
    async def test_a_form_that_another_origin_sent_is_refused_whatever_it_holds(self, auth, client, site):
        """Cookies are shared by all ports of localhost: a page of another port could plant the browser's."""
        user = auth.user_agent()
        form = (await user.arrive(auth.authorize_url(client))).forms[0].inputs | {
            "username": USERNAME,
            "password": PASSWORD,
        }
        answer = await user.post("/sign-in", form, headers={"Sec-Fetch-Site": site})
        assert (answer.status, check_of(auth, answer)) == (403, "form_origin")

    async def test_the_transaction_of_another_browser_reads_as_one_that_never_was(self, auth, client):
        page = await auth.user_agent().consent_page(auth.authorize_url(client))
        other = auth.user_agent()
        answer = await other.get(f"/consent?transaction={page.forms[0].inputs['transaction']}")
        gone = await other.get("/consent?transaction=" + "A" * 22)
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_browser")
        assert re.sub(r"<code.*?</code>", "", answer.text) == re.sub(r"<code.*?</code>", "", gone.text)

    async def test_an_expired_transaction_is_a_page_that_says_so(self, auth, client):
        user = auth.user_agent()
        page = await user.arrive(auth.authorize_url(client))
        auth.clock.ahead += auth.settings.interaction_ttl
        answer = await user.sign_in(page)
        assert (answer.status, check_of(auth, answer)) == (400, "interaction_known")
        assert SESSION not in user.cookies


class TestSessions:
    async def test_cookies_are_for_this_host_over_https_only_and_no_script_reads_them(self, auth, client):
        user = auth.user_agent()
        first = await user.get(auth.authorize_url(client))
        second = await user.sign_in(first)
        texts = [text for answer in (first, second) for text in answer.headers.getall("Set-Cookie")]
        assert {text.partition("=")[0] for text in texts} == {BROWSER, SESSION, "__Host-sallyport-known"}
        for text in texts:
            attributes = {part.strip().lower() for part in text.split(";")[1:]}
            assert {"httponly", "secure", "samesite=lax", "path=/"} <= attributes
            assert not any(a.startswith("domain") for a in attributes)

    async def test_over_plain_http_on_localhost_cookies_still_work(self, start_auth):
        auth = await start_auth(ISSUER="http://localhost:9000")
        await auth.users.add(USERNAME, PASSWORD)
        user = auth.user_agent()
        await auth.tokens(await auth.register(), user)
        assert user.cookies.keys() == {"sallyport-browser", "sallyport-session", "sallyport-known"}

    async def test_each_user_gets_a_session_of_their_own_and_the_one_before_ends(self, auth):
        """Session fixation: neither a planted value nor that of another user is signed in."""
        user = auth.user_agent()
        planted = {SESSION: "someone." + "A" * 43}
        user.cookies |= planted
        await user.sign_in(await user.get("/sign-in"))
        first = dict(user.cookies)
        assert first[SESSION] != planted[SESSION]
        await auth.users.add("bob", PASSWORD)
        page = await user.arrive(auth.authorize_url(await auth.register(), prompt="login"))
        await user.post("/sign-in", page.forms[0].inputs | {"username": "bob", "password": PASSWORD})
        assert user.cookies[SESSION] != first[SESSION]
        assert len(await sessions(auth)) == 1
        assert (await auth.user_agent(first).get("/account")).status == 303
        assert (await user.get("/account")).status == 200

    @pytest.mark.invariant(4)
    async def test_the_store_holds_no_cookie(self, auth, client):
        user = auth.user_agent()
        await user.consent_page(auth.authorize_url(client))
        kept = " ".join(await auth.store.command("KEYS", "*"))
        for key in (*await sessions(auth), *await auth.store.command("KEYS", "sp:*:interaction:*")):
            kept += await auth.store.command("GET", key)
        assert user.cookies[SESSION].rpartition(".")[2] not in kept
        assert user.cookies[BROWSER] not in kept

    async def test_a_session_of_one_user_is_not_anothers(self, auth, client):
        user = auth.user_agent()
        await user.consent_page(auth.authorize_url(client))
        subject, _, token = user.cookies[SESSION].rpartition(".")
        for forged in (f"{subject[::-1]}.{token}", f"{subject}.{token[::-1]}", f"{subject}", f"*.{token}"):
            user.cookies[SESSION] = forged
            answer = await user.get(auth.authorize_url(client))
            assert answer.forms[0].action == "/sign-in"

    async def test_signing_out_everywhere_ends_every_browsers_session_at_once(self, auth, client):
        one, other = auth.user_agent(), auth.user_agent()
        for user in (one, other):
            await user.sign_in(await user.get("/sign-in"))
        account = await auth.users.find_by_name(USERNAME)
        await SessionRepository(auth.store, lifetime_seconds=60).end_all(account.subject, now=auth.clock())
        for user in (one, other):
            answer = await user.get(auth.authorize_url(client))
            assert answer.forms[0].action == "/sign-in"
        await one.sign_in(await one.get("/sign-in"))
        assert (await one.get("/account")).status == 200


async def test_the_form_cannot_be_framed_and_sends_no_referrer(auth, client):
    """Clickjacking: RFC 9700 section 4.16."""
    page = await auth.user_agent().arrive(auth.authorize_url(client))
    assert page.headers["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
