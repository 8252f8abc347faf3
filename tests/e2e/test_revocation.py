"""A revoked token is refused within two seconds by replicas that verify it offline (invariant 12)."""

import asyncio

import aiohttp
import pytest

from tests.drills import key_compromise, revocation
from tests.e2e.revocations import accepted_after, status_at
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

WITHIN_SECONDS = 2.0


@pytest.mark.invariant(12)
async def test_every_replica_refuses_the_token_of_an_ended_grant_and_no_other(make_pair):
    pair = await make_pair(auth=2, mcp=3)
    async with (
        PlainClient(pair) as client,
        user_agent(pair.username, pair.password) as user,
        aiohttp.ClientSession() as http,
    ):
        tokens, other = await client.tokens(user), await client.tokens(user)

        async def revoke():
            form = {"token": tokens["access_token"], "client_id": client.client_id}
            revoke_at = f"http://127.0.0.1:{pair.auth[1].port}/token/revoke"
            async with http.post(revoke_at, data=form, headers={"Host": pair.issuer.partition("://")[2]}) as answer:
                assert answer.status == 200

        assert max(await accepted_after(http, pair.mcp, tokens["access_token"], revoke)) <= WITHIN_SECONDS
        for replica in pair.mcp:
            assert await status_at(http, replica, other["access_token"]) == 200
        claims = unverified_claims(tokens["access_token"])
        assert claims["status"]["status_list"]["uri"].startswith(f"{pair.issuer}/status-lists/")


@pytest.mark.long
async def test_the_drill_waits_for_a_command_that_takes_long(make_pair, monkeypatch):
    command = key_compromise.Deployment.command

    async def slow(self, *arguments):
        await asyncio.sleep(4 if arguments[0] == "grants" else 0)
        return await command(self, *arguments)

    monkeypatch.setattr(key_compromise.Deployment, "command", slow)
    pair = await make_pair()
    await revocation.play(key_compromise.of_environment(pair.auth_environment))


@pytest.mark.long
async def test_the_drill_plays_through_and_prints_the_times(make_pair, capsys):
    pair = await make_pair()
    deployment = key_compromise.of_environment(pair.auth_environment)
    await revocation.play(deployment)
    said = capsys.readouterr().out
    steps = ["grants revoke has answered", "the last accepted call began", "a refresh is refused"]
    assert [said.index(step) for step in steps] == sorted(said.index(step) for step in steps)
    assert "drill-" not in await pair.command("users", "list")
