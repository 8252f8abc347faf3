"""Redis is unavailable to every replica of auth_service: what is in memory is served, through a gateway with checks."""

import asyncio

import pytest

from tests.e2e.gateway import Gateway, has_caddy
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

pytestmark = [
    pytest.mark.caddy,
    pytest.mark.skipif(not has_caddy(), reason="Caddy 2.11.2 or newer is not installed"),
]

NOTICED_SECONDS = 5
"""Longer than the gateway takes to take out a replica: two checks, one a second, of two seconds each."""


async def test_replicas_without_redis_still_serve_jwks_and_metadata(make_pair):
    pair = await make_pair(auth=2, mcp=1, gateway=Gateway(), own={"AUTH_RATE_LIMITS": "off"})
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        tokens = await client.tokens(user)
        pair.store.stop()
        await asyncio.sleep(NOTICED_SECONDS)
        for path in (".well-known/oauth-authorization-server", ".well-known/jwks.json"):
            async with client.http.get(f"{pair.issuer}/{path}") as response:
                assert response.status == 200, path
        status, answer = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert (status, answer["error"]) == (503, "temporarily_unavailable"), "auth_service answers, not the gateway"
        assert (await client.call_tool(tokens["access_token"]))[0] == 200
