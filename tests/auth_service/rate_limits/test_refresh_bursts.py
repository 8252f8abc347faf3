"""A hosted client refreshes for hundreds of users at once, and a 429 makes it drop their tokens (interop.md F25)."""

import asyncio
from dataclasses import replace

import pytest

from auth_service.rate_limits import policy
from shared.http import refusal_delay
from shared.rates import Rate
from tests.support.auth_server import PASSWORD, USERNAME

PROXIES = "127.0.0.0/8,::1/128"
EGRESS = {"X-Forwarded-For": "203.0.113.7"}


@pytest.fixture(autouse=True)
def small_limits(monkeypatch):
    """The proportions of the real ones: reaching those takes thousands of requests."""
    monkeypatch.setattr(refusal_delay, "DELAY_SECONDS", 0)
    monkeypatch.setattr(policy, "REQUESTS", replace(policy.REQUESTS, rate=Rate(1, 60, burst=8)))
    monkeypatch.setattr(policy, "CLIENT", replace(policy.CLIENT, rate=Rate(1, 60, burst=6)))


@pytest.fixture
async def auth(start_auth):
    server = await start_auth(TRUSTED_PROXIES=PROXIES)
    await server.users.add(USERNAME, PASSWORD)
    return server


@pytest.fixture
async def tokens(auth, client):
    """The refresh tokens of twenty grants of one client, made from this machine."""
    user = auth.user_agent()
    return [(await auth.tokens(client, user))["refresh_token"] for _ in range(20)]


def refresh(auth, client, token):
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": client.client_id}
    return auth.post("/token", form, headers=EGRESS)


async def test_the_first_refreshes_of_many_grants_from_one_address_all_succeed(auth, client, tokens):
    answers = await asyncio.gather(*(refresh(auth, client, token) for token in tokens))
    assert [answer.status for answer in answers] == [200] * len(tokens)


async def test_a_token_that_is_repeated_beyond_the_limit_is_refused(auth, client, tokens):
    answers = [await refresh(auth, client, tokens[0]) for _ in range(30)]
    statuses = [answer.status for answer in answers]
    assert statuses[0] == 200
    assert statuses.count(200) <= 8 + 1
    assert set(statuses[10:]) == {429}
    assert (await refresh(auth, client, tokens[1])).status in {200, 429}


@pytest.mark.invariant(8)
@pytest.mark.parametrize("change", ["mac", "grant", "form", "size"])
async def test_a_request_without_a_token_of_this_server_passes_no_limit(auth, client, tokens, change):
    assert (await asyncio.gather(*(refresh(auth, client, "x") for _ in range(12))))[-1].status == 429
    grant, generation, secret, mac = tokens[0].split(".")
    form = {"grant_type": "refresh_token", "client_id": client.client_id, "refresh_token": tokens[0]}
    form |= {
        "mac": {"refresh_token": f"{grant}.{generation}.{secret}.{'A' * 22}"},
        "grant": {"refresh_token": f"{tokens[1].split('.')[0]}.{generation}.{secret}.{mac}"},
        "form": {"grant_type": "authorization_code"},
        "size": {"padding": "x" * 17_000},
    }[change]
    assert (await auth.post("/token", form, headers=EGRESS)).status == 429
