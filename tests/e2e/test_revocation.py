"""Revoked means refused: by replicas that ask nobody, within two seconds (invariant 12)."""

import asyncio
import sys
import time

import aiohttp
import pytest

from tests.drills import key_compromise, revocation
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

WITHIN_SECONDS = 2.0


async def status_at(http, pair, replica, token):
    """A call of one replica, past any gateway."""
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": "2025-11-25",
    }
    url = f"http://127.0.0.1:{replica.port}/mcp"
    async with http.post(url, json=body, headers=headers) as answer:
        await answer.read()
        return answer.status


async def last_accepted(http, pair, replica, token):
    """When the last call began that this replica accepted."""
    last = 0.0
    while True:
        began = time.monotonic()
        status = await status_at(http, pair, replica, token)
        if status == 401:
            return last
        assert status == 200
        last = began
        await asyncio.sleep(0.005)


@pytest.mark.invariant(12)
async def test_every_replica_refuses_the_token_of_an_ended_grant_and_no_other(make_pair):
    pair = await make_pair(auth=2, mcp=3)
    async with (
        PlainClient(pair) as client,
        user_agent(pair.username, pair.password) as user,
        aiohttp.ClientSession() as http,
    ):
        tokens, other = await client.tokens(user), await client.tokens(user)
        for replica in pair.mcp:
            assert await status_at(http, pair, replica, tokens["access_token"]) == 200
        calls = [
            asyncio.create_task(last_accepted(http, pair, replica, tokens["access_token"])) for replica in pair.mcp
        ]
        form = {"token": tokens["access_token"], "client_id": client.client_id}
        revoke_at = f"http://127.0.0.1:{pair.auth[1].port}/token/revoke"
        async with http.post(revoke_at, data=form, headers={"Host": pair.issuer.partition("://")[2]}) as answer:
            assert answer.status == 200
        answered = time.monotonic()
        async with asyncio.timeout(30):
            last = max(await asyncio.gather(*calls))
        assert last - answered <= WITHIN_SECONDS
        for replica in pair.mcp:
            assert await status_at(http, pair, replica, other["access_token"]) == 200
        claims = unverified_claims(tokens["access_token"])
        assert claims["status"]["status_list"]["uri"].startswith(f"{pair.issuer}/status-lists/")


@pytest.mark.long
async def test_the_drill_plays_through_and_prints_the_times(make_pair, capsys):
    pair = await make_pair()
    deployment = key_compromise._deployment(pair.auth_environment, [], sys.executable, pair.auth_environment)
    await revocation.play(deployment)
    said = capsys.readouterr().out
    steps = ["grants revoke has answered", "the last accepted call began", "a refresh is refused"]
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)
    assert "drill-" not in await pair.command("users", "list")
