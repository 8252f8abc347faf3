"""Rate limits as clients and users see them, through the whole service on a real server."""

import asyncio
from typing import TYPE_CHECKING

import pytest

from auth_service.rate_limits.policy import REQUESTS
from shared.http import refusal_delay
from tests.support.auth_server import PASSWORD

if TYPE_CHECKING:
    from tests.support.user_agent import Answer

PROXIES = "127.0.0.0/8,::1/128"


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """No delay: these tests are about the answer."""
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)


@pytest.fixture
async def behind_proxy(start_auth):
    """A service that believes the X-Forwarded-For of its own machine."""
    return await start_auth(TRUSTED_PROXIES=PROXIES)


async def get(auth, path, address):
    return await auth.get(path, headers={"X-Forwarded-For": address})


async def until_refused(auth, address):
    """Ask until it is too much: some allowance comes back meanwhile, however slow the machine is."""
    for _ in range(20 * REQUESTS.rate.burst):
        answer = await get(auth, "/nothing", address)
        if answer.status == 429:
            return answer
    return pytest.fail("was never refused")


async def test_too_many_requests_of_one_address_are_refused_with_when_to_come_back(behind_proxy):
    refused = await until_refused(behind_proxy, "192.0.2.1")
    again = await get(behind_proxy, "/livez", "192.0.2.1")
    assert again.status == 200, "health is never limited"
    assert int(refused.headers["Retry-After"]) >= 1
    assert refused.headers["RateLimit"] == '"requests";r=0;t=20'
    assert refused.headers["RateLimit-Policy"] == f'"requests";q={REQUESTS.rate.burst};w=20'
    assert refused.json["error"] == "temporarily_unavailable"


async def test_a_flood_from_one_address_leaves_every_other_address_alone(behind_proxy):
    await until_refused(behind_proxy, "192.0.2.1")
    assert (await get(behind_proxy, "/.well-known/oauth-authorization-server", "192.0.2.2")).status == 200


async def test_known_egress_of_hosted_clients_has_a_wider_limit(behind_proxy):
    statuses = {(await get(behind_proxy, "/nothing", "160.79.104.10")).status for _ in range(REQUESTS.rate.burst + 100)}
    assert statuses == {404}


async def test_an_answer_says_how_much_is_left(behind_proxy):
    answer = await get(behind_proxy, "/.well-known/oauth-authorization-server", "192.0.2.1")
    assert answer.headers["RateLimit"].startswith(f'"requests";r={REQUESTS.rate.burst - 1};t=')


async def test_an_attacker_cannot_use_up_the_registrations_of_a_hosted_client(behind_proxy):
    body = {"redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"], "client_name": "x"}

    async def register(address):
        headers = {"X-Forwarded-For": address}
        return (await behind_proxy.request("POST", "/register", json=body, headers=headers)).status

    statuses: list[int] = []
    while 429 not in statuses and len(statuses) < 1000:
        statuses.append(await register("192.0.2.1"))
    assert statuses[:60] == [201] * 60
    assert statuses[-1] == 429
    assert await register("192.0.2.2") == 201


async def test_limits_can_be_switched_off(start_auth):
    auth = await start_auth(TRUSTED_PROXIES=PROXIES, RATE_LIMITS="off")
    statuses = {(await get(auth, "/nothing", "192.0.2.1")).status for _ in range(REQUESTS.rate.burst + 30)}
    assert statuses == {404}


async def sign_in(user, username, password):
    return await user.sign_in(await user.get("/sign-in"), username, password)


async def test_a_guessing_browser_is_delayed_and_the_owner_is_not(start_auth):
    auth = await start_auth()
    await auth.users.add("margaret", PASSWORD)
    owner, attacker = auth.user_agent(), auth.user_agent()
    assert (await sign_in(owner, "margaret", PASSWORD)).status == 303
    answers: list[Answer] = []
    # On a slow machine a delay may be over before the next guess: the delays grow until it is not.
    while not answers or (answers[-1].status == 403 and len(answers) < 15):
        answers.append(await sign_in(attacker, "margaret", "wrong"))
    assert [a.status for a in answers[:5]] == [403] * 5
    assert answers[-1].status == 429
    assert "Retry-After" in answers[-1].headers
    assert "Too many attempts" in answers[-1].text
    assert (await sign_in(owner, "margaret", PASSWORD)).status == 303


async def test_the_audit_log_knows_the_account_but_not_what_was_typed(start_auth, store):
    auth = await start_auth()
    margaret = await auth.users.add("margaret", PASSWORD)
    user = auth.user_agent()
    await sign_in(user, "margaret", "not her password")
    await sign_in(user, "her password in the wrong field", "x")
    await auth.stop()  # the audit log is written in the background, and completely at the end
    kept = [fields for _, fields in await store.command("XRANGE", "sp:{audit}:events", "-", "+")]
    failed = [e for e in kept if e["event"] == "user.sign_in_failed"]
    assert [e["f:user"] for e in failed] == [margaret.subject, "unknown"]
    assert "wrong field" not in str(kept)
    assert "not her password" not in str(kept)


async def test_guessing_at_once_is_no_way_around(start_auth):
    auth = await start_auth()
    await auth.users.add("margaret", PASSWORD)
    attacker = auth.user_agent()
    page = await attacker.get("/sign-in")
    answers = await asyncio.gather(*(attacker.sign_in(page, "margaret", "wrong") for _ in range(30)))
    # Five, and one more if the machine took longer than the first delay.
    assert sum(a.status == 403 for a in answers) <= 6


@pytest.mark.parametrize(
    ("address", "limit"),
    [("2001:db8:7:1{:02x}::1", "registrations"), ("2001:db8:8:{:x}00::1", "registration_sites")],
    ids=["/56", "/48"],
)
async def test_registrations_are_counted_by_the_networks_that_one_subscriber_and_one_site_get(
    behind_proxy, address, limit
):
    """A provider gives a subscriber up to 256 networks of /64, and a site 65,536 (RFC 6177)."""

    async def register(number):
        body = {"redirect_uris": [f"https://client-{number}.example/cb"], "client_name": "x"}
        headers = {"X-Forwarded-For": address.format(number % 250)}
        return await behind_proxy.request("POST", "/register", json=body, headers=headers)

    for start in range(0, 1600, 40):
        answers = await asyncio.gather(*map(register, range(start, start + 40)))
        refused = [answer for answer in answers if answer.status == 429]
        if refused:
            assert refused[0].headers["RateLimit"].startswith(f'"{limit}"')
            return
    pytest.fail("was never refused")
