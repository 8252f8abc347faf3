"""One provider and no passwords: an authorization request goes straight on, within bounds (P15)."""

import pytest

from auth_service.audit.error_repository import ErrorRepository
from auth_service.rate_limits import policy
from shared.rates import Rate
from tests.support.auth_server import HOSTED
from tests.support.fake_provider import come_back, press, sign_in_at, state_in

SESSION = "__Host-sallyport-session"
AUTO = "provider_redirects_in_all"


@pytest.fixture
async def client(only_acme):
    return await only_acme.register(client_name="Desk")


async def upstream_sizes(server):
    keys = await server.store.command("KEYS", "*:upstream")
    return [await server.store.command("STRLEN", key) for key in keys]


def lower(monkeypatch, limit, rate):
    monkeypatch.setattr(policy, limit, policy.RateLimit(limit.lower(), rate, policy.Backend.REDIS, "lowered"))


async def test_the_browser_is_sent_on_at_once_and_comes_back_to_the_decision(only_acme, client):
    user = only_acme.user_agent()
    answer = await user.get(only_acme.authorize_url(client))
    assert answer.status == 303
    assert answer.headers["Location"].startswith("https://acme.example/authorize?")
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "no-store")
    page = await user.follow(await come_back(user, "acme", state=state_in(answer), code="c"))
    assert ("decision", "approve") in page.forms[0].buttons


async def test_a_browser_that_is_signed_in_is_not_sent_there_again(only_acme, client, lone):
    user = only_acme.user_agent()
    await sign_in_at(user, await user.get("/sign-in"), "acme")
    page = await user.arrive(only_acme.authorize_url(client))
    assert ("decision", "approve") in page.forms[0].buttons
    assert len(lone["acme"].begun) == 1


async def test_no_password_is_taken(only_acme, client):
    await only_acme.users.add("ada", "violet anchor mossy tram")
    user = only_acme.user_agent()
    page = await user.get("/sign-in")
    assert "password" not in page.words.lower()
    answer = await user.sign_in(page)
    assert (answer.status, SESSION in user.cookies) == (200, False)
    assert answer.forms[0].buttons == [("provider", "acme")]


async def test_prompt_none_stays_an_error_and_stores_nothing(only_acme, lone):
    client = await only_acme.register(HOSTED, client_name="Claude")
    answer = await only_acme.user_agent().get(only_acme.authorize_url(client, prompt="none"))
    assert "login_required" in (answer.headers.get("Location") or answer.text)
    assert (await upstream_sizes(only_acme), lone["acme"].begun) == ([], [])


async def test_prompt_login_asks_the_provider_to_sign_in_anew(only_acme, client, lone):
    user = only_acme.user_agent()
    await sign_in_at(user, await user.get("/sign-in"), "acme")
    only_acme.clock.ahead += 5
    answer = await user.get(only_acme.authorize_url(client, prompt="login", login_hint="ada"))
    assert answer.status == 303
    assert (lone["acme"].begun[-1].max_age, lone["acme"].requests[-1].login_hint) == (0, "ada")
    assert lone["acme"].requests[-1].force_reauthentication


class TestBounds:
    async def test_at_most_3_kb_are_stored_unasked_and_known_clients_need_less(self, only_acme, client):
        """A state of ChatGPT, VS Code and Claude has up to some 400 bytes."""
        answer = await only_acme.user_agent().get(only_acme.authorize_url(client, state="s" * 400))
        assert answer.status == 303
        (size,) = await upstream_sizes(only_acme)
        assert size <= 3 * 1024

    async def test_a_larger_request_gets_a_page_with_one_button_that_stores_up_to_12_kb(self, only_acme, client):
        user = only_acme.user_agent()
        page = await user.get(only_acme.authorize_url(client, state="s" * 2048, nonce="n" * 512))
        assert (page.status, await upstream_sizes(only_acme)) == (200, [])
        assert page.forms[0].buttons == [("provider", "acme")]
        answer = await press(user, page, "acme")
        (size,) = await upstream_sizes(only_acme)
        assert 3 * 1024 < size <= 12 * 1024
        back = await come_back(user, "acme", state=state_in(answer), code="c")
        assert (await user.decide(await user.follow(back)))["state"] == "s" * 2048

    async def test_a_request_of_more_than_12_kb_is_refused(self, only_acme, client):
        """Escapes make the largest accepted state six times as long."""
        user = only_acme.user_agent()
        page = await user.get(only_acme.authorize_url(client, state="\x01" * 2048))
        answer = await press(user, page, "acme")
        assert answer.status == 400
        assert "too large" in answer.words
        assert await upstream_sizes(only_acme) == []

    async def test_they_are_counted_per_network(self, only_acme, client, monkeypatch):
        monkeypatch.setattr("auth_service.rate_limits.limits.is_shared", lambda *_: False)
        lower(monkeypatch, "PROVIDER_SIGN_INS", Rate(1, 60, burst=3))
        statuses = [(await only_acme.user_agent().get(only_acme.authorize_url(client))).status for _ in range(5)]
        assert statuses == [303, 303, 303, 200, 200]
        assert len(await upstream_sizes(only_acme)) == 3
        user = only_acme.user_agent()
        answer = await press(user, await user.get(only_acme.authorize_url(client)), "acme")
        assert answer.status == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.forms[0].buttons == [("provider", "acme")]

    async def test_they_are_counted_in_all_and_a_flood_leaves_the_button_to_users(self, only_acme, client, monkeypatch):
        lower(monkeypatch, "PROVIDER_REDIRECTS_IN_ALL", Rate(1, 60, burst=3))
        statuses = [(await only_acme.user_agent().get(only_acme.authorize_url(client))).status for _ in range(5)]
        assert statuses == [303, 303, 303, 200, 200]
        user = only_acme.user_agent()
        answer = await press(user, await user.get(only_acme.authorize_url(client)), "acme")
        assert answer.status == 200
        assert answer.onward.host == "acme.example"

    async def test_buttons_are_counted_in_all(self, only_acme, client, monkeypatch):
        lower(monkeypatch, "PROVIDER_SIGN_INS_IN_ALL", Rate(1, 60, burst=2))
        user = only_acme.user_agent()
        page = await user.get("/sign-in")
        assert [(await press(user, page, "acme")).status for _ in range(3)] == [200, 200, 429]
        assert len(await upstream_sizes(only_acme)) == 2

    async def test_the_real_limits_bound_what_is_stored(self):
        """docs/rate-limits.md gives the sums."""
        for limit, kilobytes, most in (
            (policy.PROVIDER_SIGN_INS_IN_ALL, 12, 45_000),
            (policy.KNOWN_BROWSER_SIGN_INS_IN_ALL, 12, 45_000),
            (policy.PROVIDER_REDIRECTS_IN_ALL, 3, 12_000),
        ):
            records = limit.rate.burst + 600 * limit.rate.requests // limit.rate.seconds
            assert records * kilobytes <= most


class TestAProviderThatIsAway:
    @pytest.fixture(autouse=True)
    def away(self, only_acme, lone):
        lone["acme"].available = False

    async def test_is_503_because_nothing_else_is_left(self, only_acme, client):
        answer = await only_acme.user_agent().get(only_acme.authorize_url(client))
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) > 0
        assert "Acme isn't responding" in answer.words
        assert answer.headers["X-Request-Id"] in answer.words
        assert await upstream_sizes(only_acme) == []
        await only_acme.stop()
        found = await ErrorRepository(only_acme.store).find(answer.headers["X-Request-Id"])
        assert found is not None
        assert found.error_id == "provider_away"

    async def test_and_the_button_goes_on_once_it_is_back(self, only_acme, client, lone):
        user = only_acme.user_agent()
        page = await user.get(only_acme.authorize_url(client))
        assert (await press(user, page, "acme")).status == 503
        lone["acme"].available = True
        page = await user.follow(await sign_in_at(user, page, "acme"))
        assert ("decision", "approve") in page.forms[0].buttons

    async def test_is_shown_by_a_metric(self, only_acme, client, lone):
        await only_acme.user_agent().get(only_acme.authorize_url(client))
        text = (await only_acme.get("/metrics")).text
        assert 'sallyport_identity_provider_available{provider="acme"} 0.0' in text
        assert 'sallyport_identity_provider_sign_ins_total{outcome="unavailable",provider="acme"} 1.0' in text
        lone["acme"].available = True
        assert 'provider_available{provider="acme"} 1.0' in (await only_acme.get("/metrics")).text


async def test_the_user_signs_in_at_the_provider_again_after_the_maximum_age(start_auth, lone):
    """AUTH_IDENTITY_MAX_AGE: the session no longer counts, and the provider must not go on with an old sign-in."""
    server = await start_auth(
        IDENTITY_PROVIDERS=lone.setting, PASSWORDS="off", IDENTITY_MAX_AGE="3600", build_provider=lone.build
    )
    user = server.user_agent()
    await sign_in_at(user, await user.get("/sign-in"), "acme")
    assert lone["acme"].begun[0].max_age == 3600
    assert (await user.get("/account")).status == 200
    server.clock.ahead = 3601
    assert (await user.get("/account")).status == 303


async def test_the_providers_are_closed_at_the_end(only_acme, lone):
    await only_acme.stop()
    assert lone["acme"].closed
