"""Hundreds of verifiers that wait for the next key set, and an auth_service that is restarted under them."""

import asyncio

import aiohttp
import pytest

WAITERS = 200
"""Fewer than one network may hold open."""


@pytest.mark.long
async def test_hundreds_of_long_polls_are_answered_at_a_stop_and_wait_again_after_the_start(make_pair):
    pair = await make_pair(mcp=0, resource="http://localhost:9/mcp")
    (auth,) = pair.auth
    url = f"http://127.0.0.1:{auth.port}/.well-known/jwks.json"
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as http:
        async with http.get(url) as response:
            etag = response.headers["ETag"]

        async def wait(number):
            headers = {"If-None-Match": etag, "Prefer": "wait=60", "Sallyport-Replica": f"verifier-{number}"}
            async with http.get(url, headers=headers) as response:
                return response.status

        async def all_are_waiting():
            while f"{WAITERS} of {WAITERS} mcp_service replicas" not in await pair.command("keys", "list"):
                pass

        waiting = [asyncio.create_task(wait(number)) for number in range(WAITERS)]
        async with asyncio.timeout(60):
            await all_are_waiting()
        assert await auth.stop() == 0
        assert set(await asyncio.gather(*waiting)) == {304}
        await auth.start()
        waiting = [asyncio.create_task(wait(number)) for number in range(WAITERS)]
        async with asyncio.timeout(60):
            await all_are_waiting()
        await pair.command("keys", "rotate", "--force")
        assert set(await asyncio.gather(*waiting)) == {200}
