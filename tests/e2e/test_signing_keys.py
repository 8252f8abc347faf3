"""Key rotation fails no request, and a revoked key is gone within seconds: real processes, one pair."""

import asyncio
import json
import time

import pytest

from tests.support.oauth import unverified_header
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

SECONDS_TO_VANISH = 2.0


async def keys(pair, *arguments):
    return json.loads(await pair.command("keys", *arguments, "--json"))


async def test_a_rotation_is_proven_and_an_old_token_goes_on_working(make_pair):
    pair = await make_pair(mcp=2)
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        tokens = await client.tokens(user)
        before = await keys(pair, "list")
        first = await keys(pair, "rotate")
        # The next key has just been published: only the proof that both replicas hold it makes this quick.
        started = time.monotonic()
        second = await keys(pair, "rotate")
        assert time.monotonic() - started < 60
        assert [first["result"], second["result"]] == ["rotated", "rotated"]
        assert first["active"] == before[1]["kid"]
        assert second["active"] == first["pending"]
        _status, fresh = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert unverified_header(fresh["access_token"])["kid"] == second["active"]
        for replica in pair.mcp:
            url = f"http://127.0.0.1:{replica.port}/mcp"
            for token in (tokens["access_token"], fresh["access_token"]):
                status, _headers, answer = await client.call_tool(token, url=url)
                assert status == 200, answer


async def test_a_withdrawn_key_is_gone_from_every_replica_within_two_seconds(make_pair):
    """Its tokens are refused although they were accepted and remembered before; signing goes on."""
    pair = await make_pair(mcp=2)
    urls = [f"http://127.0.0.1:{replica.port}/mcp" for replica in pair.mcp]
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        tokens = await client.tokens(user)
        stolen = tokens["access_token"]
        for url in urls:
            assert (await client.call_tool(stolen, url=url))[0] == 200
        withdrawing = asyncio.create_task(
            keys(pair, "revoke", unverified_header(stolen)["kid"], "--reason", "drill", "--yes")
        )
        gone = await asyncio.gather(*(gone_at(client, stolen, url) for url in urls))
        said = await withdrawing
        recorded = [json.loads(line) for line in (await pair.command("audit", "--json")).splitlines()]
        assert (said["replicas"], said["still_held_by"]) == (2, [])
        # The command measures from the withdrawal until both replicas have shown that the key is gone.
        assert said["seconds"] < SECONDS_TO_VANISH
        assert max(gone) - min(gone) < SECONDS_TO_VANISH
        (withdrawal,) = (entry for entry in recorded if entry["event"] == "key.revoked")
        assert (withdrawal["kid"], withdrawal["by"]) == (unverified_header(stolen)["kid"], "operator")
        assert withdrawal["reason"].startswith("drill (")
        status, fresh = await client.token_request(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
        assert status == 200
        assert unverified_header(fresh["access_token"])["kid"] == said["active"]
        for url in urls:
            assert (await client.call_tool(fresh["access_token"], url=url))[0] == 200


@pytest.mark.long
async def test_concurrent_rotate_commands_make_one_rotation(make_pair):
    """Whole processes, each as slow to start as it happens to be."""
    pair = await make_pair(mcp=0, resource="http://localhost:9/mcp")
    for turn in range(3):
        said = await asyncio.gather(*(keys(pair, "rotate", "--force") for _ in range(3)))
        assert sorted(one["result"] for one in said) == ["rotated", "rotated_by_another", "rotated_by_another"]
        assert {one["version"] for one in said} == {turn + 2}


async def gone_at(client, token, url):
    async with asyncio.timeout(60):
        while (await client.call_tool(token, url=url))[0] != 401:  # noqa: ASYNC110 - it is the outside that is asked
            await asyncio.sleep(0.02)
    return time.monotonic()
