"""A flood of registrations from many networks leaves room for honest clients, and the store stays bounded."""

import asyncio

import pytest

from tests.support.auth_server import HOSTED, PASSWORD, USERNAME, Client

pytestmark = pytest.mark.store

BUDGET = 1 << 20
"""Bytes: the least that the setting permits."""

FLOOD = 150
"""Registrations of six kilobytes each: more than the budget."""

CHATGPT = {
    "client_name": "ChatGPT",
    "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect", HOSTED],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "client_secret_post",
    "scope": "notes:read",
}


@pytest.fixture
async def flooded(start_auth):
    server = await start_auth(TRUSTED_PROXIES="127.0.0.0/8,::1/128", REGISTRATION_BUDGET_BYTES=BUDGET)
    await server.users.add(USERNAME, PASSWORD)
    return server


async def register(auth, body, address):
    answer = await auth.request("POST", "/register", json=body, headers={"X-Forwarded-For": address})
    assert answer.status == 201, answer.text
    return answer.json


async def register_chatgpt(auth, address):
    answer = await register(auth, CHATGPT, address)
    return Client(answer["client_id"], HOSTED, answer["client_secret"], "client_secret_post")


async def flood(auth, *, networks=60, first=0):
    """From IPv4 and IPv6 networks, none of which reaches its rate limit."""

    async def one(number):
        network = number % networks
        address = f"203.0.{network}.{number % 250}" if network % 2 else f"2001:db8:{network:x}:{number:x}::1"
        body = {
            "redirect_uris": [f"http://127.0.0.1/{number:05}{part}" + "r" * 950 for part in range(4)],
            "token_endpoint_auth_method": "none",
            "client_name": "😀" * 80,
        }
        await register(auth, body, address)

    for start in range(first, first + FLOOD, 30):
        await asyncio.gather(*map(one, range(start, start + 30)))


async def occupied(store):
    total = 0
    async for page in store.scan("sp:*"):
        for key in page:
            if key.startswith(("sp:{client:", "sp:{registrations}")):
                total += await store.command("MEMORY", "USAGE", key, "SAMPLES", 0)
    return total


@pytest.mark.parametrize("address", ["160.79.104.10", "198.51.100.7"], ids=["shared egress", "plain"])
async def test_after_and_during_a_flood_an_honest_client_registers_and_is_used(flooded, store, address):
    await flood(flooded)
    assert await occupied(store) <= BUDGET
    assert "sallyport_evicted_registrations_total 0.0" not in (await flooded.get("/metrics")).text
    client = await register_chatgpt(flooded, address)
    await flood(flooded, first=FLOOD)
    code = await flooded.code(client)
    await flood(flooded, first=2 * FLOOD)
    answer = await flooded.redeem(code)
    assert answer.status == 200, answer.text
    assert await occupied(store) <= BUDGET


async def test_a_client_with_an_unredeemed_code_is_never_evicted(flooded):
    """Interop.md A18: the code is a live grant. The client has no network of its own."""
    code = await flooded.code(await register_chatgpt(flooded, "203.0.1.1"))
    await flood(flooded)
    answer = await flooded.redeem(code)
    assert answer.status == 200, answer.text
