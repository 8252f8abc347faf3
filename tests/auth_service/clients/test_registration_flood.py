"""A flood of registrations from many networks leaves room for honest clients, and the store stays bounded."""

import asyncio

import pytest

from tests.support.person_at_service import CALLBACK, PASSWORD, Service

pytestmark = pytest.mark.store

BUDGET = 1 << 20
FLOOD = 150
"""Registrations of six kilobytes each: more than the budget."""

CHATGPT = {
    "client_name": "ChatGPT",
    "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect", CALLBACK],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "client_secret_post",
    "scope": "notes:read",
}


@pytest.fixture
async def flooded(store):
    settings = {"trusted_proxies": ("127.0.0.0/8", "::1/128"), "registration_budget_bytes": BUDGET}
    async with Service(store, **settings) as service:
        yield service


async def register(browser, body, address):
    response = await browser.http.post("/register", json=body, headers={"X-Forwarded-For": address})
    return response.status, await response.json()


async def flood(browser, *, networks=60, first=0):
    """From IPv4 and IPv6 networks, none of which reaches its rate limit."""

    async def one(number):
        network = number % networks
        address = f"203.0.{network}.{number % 250}" if network % 2 else f"2001:db8:{network:x}:{number:x}::1"
        body = {
            "redirect_uris": [f"http://127.0.0.1/{number:05}{part}" + "r" * 950 for part in range(4)],
            "token_endpoint_auth_method": "none",
            "client_name": "😀" * 80,
        }
        status, answer = await register(browser, body, address)
        assert status == 201, answer

    for start in range(first, first + FLOOD, 30):
        await asyncio.gather(*map(one, range(start, start + 30)))


async def occupied(store):
    total = 0
    async for page in store.scan("sp:*"):
        for key in page:
            if key.startswith(("sp:{client:", "sp:{registrations}")):
                total += await store.command("MEMORY", "USAGE", key, "SAMPLES", 0)
    return total


async def consent(browser, client):
    """The code of an approved request."""
    page = await browser.ask(client["client_id"])
    assert page.status == 200, page.text
    page = await browser.submit(page, decision="approve")
    return page.refresh.split("code=")[1].split("&")[0]


async def redeem(browser, client, code):
    return await browser.token(
        grant_type="authorization_code",
        code=code,
        code_verifier="v" * 43,
        client_id=client["client_id"],
        client_secret=client["client_secret"],
        redirect_uri=CALLBACK,
    )


@pytest.mark.parametrize("address", ["160.79.104.10", "198.51.100.7"], ids=["shared egress", "plain"])
async def test_after_and_during_a_flood_an_honest_client_registers_and_is_used(flooded, store, address):
    await flooded.users.add("ada", PASSWORD)
    async with flooded.browser() as attacker, flooded.browser() as honest:
        await flood(attacker)
        assert await occupied(store) <= BUDGET
        status, client = await register(honest, CHATGPT, address)
        assert status == 201
        await flood(attacker, first=FLOOD)
        await honest.sign_in()
        code = await consent(honest, client)
        await flood(attacker, first=2 * FLOOD)
        tokens = await redeem(honest, client, code)
        assert tokens["status"] == 200, tokens
        assert await occupied(store) <= BUDGET


async def test_a_client_with_an_unredeemed_code_is_never_evicted(flooded):
    """Interop.md A18: the code is a live grant. The client has no network of its own."""
    await flooded.users.add("ada", PASSWORD)
    async with flooded.browser() as attacker, flooded.browser() as honest:
        _, client = await register(honest, CHATGPT, "203.0.1.1")
        await honest.sign_in()
        code = await consent(honest, client)
        await flood(attacker)
        tokens = await redeem(honest, client, code)
        assert tokens["status"] == 200, tokens
