"""Rate limits as clients and users see them, through the whole service on a real server."""

import asyncio

import pytest

from auth_service.rate_limits import limits
from auth_service.rate_limits.policy import REQUESTS
from tests.support.person_at_service import PASSWORD, Service


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No delay: these tests are about the answer."""
    monkeypatch.setattr(limits, "DELAY_SECONDS", 0)


@pytest.fixture
async def behind_proxy(store):
    """A service that believes the X-Forwarded-For of its own machine."""
    async with Service(store, trusted_proxies=("127.0.0.0/8", "::1/128")) as service:
        yield service


async def status_of(browser, path, address):
    response = await browser.http.get(path, headers={"X-Forwarded-For": address}, allow_redirects=False)
    await response.read()
    return response


async def until_refused(browser, address):
    """Ask until it is too much: some allowance comes back meanwhile, however slow the machine is."""
    for _ in range(20 * REQUESTS.rate.burst):
        response = await status_of(browser, "/nothing", address)
        if response.status == 429:
            return response
    return pytest.fail("was never refused")


async def test_too_many_requests_of_one_address_are_refused_with_when_to_come_back(behind_proxy):
    async with behind_proxy.browser() as attacker:
        refused = await until_refused(attacker, "192.0.2.1")
        again = await status_of(attacker, "/livez", "192.0.2.1")
    assert again.status == 200, "health is never limited"
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit"] == '"requests";r=0;t=20'
    assert refused.headers["RateLimit-Policy"] == f'"requests";q={REQUESTS.rate.burst};w=20'
    assert (await refused.json())["error"] == "temporarily_unavailable"


async def test_a_flood_from_one_address_leaves_every_other_address_alone(behind_proxy):
    async with behind_proxy.browser() as browser:
        await until_refused(browser, "192.0.2.1")
        assert (await status_of(browser, "/.well-known/oauth-authorization-server", "192.0.2.2")).status == 200


async def test_known_egress_of_hosted_clients_has_a_wider_limit(behind_proxy):
    async with behind_proxy.browser() as browser:
        statuses = {
            (await status_of(browser, "/nothing", "160.79.104.10")).status for _ in range(REQUESTS.rate.burst + 100)
        }
    assert statuses == {404}


async def test_an_answer_says_how_much_is_left(behind_proxy):
    async with behind_proxy.browser() as browser:
        response = await status_of(browser, "/.well-known/oauth-authorization-server", "192.0.2.1")
    assert response.headers["RateLimit"].startswith(f'"requests";r={REQUESTS.rate.burst - 1};t=')


async def test_an_attacker_cannot_use_up_the_registrations_of_a_hosted_client(behind_proxy):
    body = {"redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"], "client_name": "x"}

    async def register(browser, address):
        response = await browser.http.post("/register", json=body, headers={"X-Forwarded-For": address})
        await response.read()
        return response.status

    async with behind_proxy.browser() as browser:
        statuses = []
        while 429 not in statuses and len(statuses) < 1000:
            statuses.append(await register(browser, "192.0.2.1"))
        assert statuses[:60] == [201] * 60
        assert statuses[-1] == 429
        assert await register(browser, "192.0.2.2") == 201


async def test_limits_can_be_switched_off(store):
    proxies = ("127.0.0.0/8", "::1/128")
    async with Service(store, trusted_proxies=proxies, rate_limits="off") as service, service.browser() as browser:
        statuses = {(await status_of(browser, "/nothing", "192.0.2.1")).status for _ in range(REQUESTS.rate.burst + 30)}
    assert statuses == {404}


async def test_a_guessing_browser_is_delayed_and_the_owner_is_not(store):
    async with Service(store) as service:
        await service.users.add("margaret", PASSWORD)
        async with service.browser() as owner, service.browser() as attacker:
            assert (await sign_in(owner, "margaret", PASSWORD)).status == 303
            answers = []
            # On a slow machine a delay may be over before the next guess: the delays grow until it is not.
            while not answers or (answers[-1].status == 403 and len(answers) < 15):
                answers.append(await sign_in(attacker, "margaret", "wrong"))
            assert [a.status for a in answers[:5]] == [403] * 5
            assert answers[-1].status == 429
            assert "Retry-After" in answers[-1].headers
            assert "Too many attempts" in await answers[-1].text()
            assert (await sign_in(owner, "margaret", PASSWORD)).status == 303


async def test_the_log_of_what_happened_knows_the_account_but_not_what_was_typed(store):
    async with Service(store) as service:
        margaret = await service.users.add("margaret", PASSWORD)
        async with service.browser() as browser:
            await sign_in(browser, "margaret", "not her password")
            await sign_in(browser, "her password in the wrong field", "x")
    kept = [fields for _, fields in await store.command("XRANGE", "sp:{audit}:events", "-", "+")]
    failed = [e for e in kept if e["event"] == "user.sign_in_failed"]
    assert [e["f:user"] for e in failed] == [margaret.subject, "unknown"]
    assert "wrong field" not in str(kept)
    assert "not her password" not in str(kept)


async def test_guessing_at_once_is_no_way_around(store):
    async with Service(store) as service:
        await service.users.add("margaret", PASSWORD)
        async with service.browser() as attacker:
            form = await form_of(attacker)
            answers = await asyncio.gather(*(post(attacker, form, "margaret", "wrong") for _ in range(30)))
    # Five, and one more if the machine took longer than the first delay.
    assert sum(a.status == 403 for a in answers) <= 6


async def form_of(browser):
    import re

    text = await (await browser.http.get("/sign-in")).text()
    return re.search(r'name="csrf" value="([^"]+)"', text)[1]


async def post(browser, csrf, username, password):
    response = await browser.http.post(
        "/sign-in", data={"csrf": csrf, "username": username, "password": password}, allow_redirects=False
    )
    await response.read()
    return response


async def sign_in(browser, username, password):
    return await post(browser, await form_of(browser), username, password)
