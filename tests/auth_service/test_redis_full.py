"""Redis is at its `maxmemory`: nothing stored is lost, new users are told to come back, and revocation still works."""

import asyncio
import time

import pytest

from auth_service.grants.grant import GrantStatus
from shared.errors import RedisUnavailable
from shared.redis.client import SingleRedisClient
from tests.support.person_at_service import CALLBACK, PASSWORD, Service
from tests.support.topologies import DURABLE, Node

pytestmark = pytest.mark.store


@pytest.fixture
def node(tmp_path):
    server = Node(tmp_path, *DURABLE)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def redis(node):
    client = SingleRedisClient(f"redis://127.0.0.1:{node.port}/0")
    yield client
    await client.close()


@pytest.fixture
async def service(redis):
    async with Service(redis) as running:
        await running.users.add("ada", PASSWORD)
        yield running


async def fill(redis):
    """From here on Redis refuses every write that needs memory."""
    await redis.command("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(RedisUnavailable, match="OutOfMemory"):
        await redis.command("SET", "other", "x")


async def stored_keys(redis):
    return {key async for page in redis.scan("sp:*") for key in page}


def refresh(client, tokens):
    return {"grant_type": "refresh_token", "client_id": client, "refresh_token": tokens["refresh_token"]}


async def test_new_users_get_503_and_nothing_stored_is_lost(redis, service):
    async with service.browser() as ada, service.browser() as stranger:
        await ada.sign_in()
        client = await service.register()
        tokens = await ada.allow(client)
        sign_in = (await stranger.ask(client)).forms[0].inputs | {"username": "ada", "password": PASSWORD}
        before = await stored_keys(redis)
        await fill(redis)
        answers = [
            await stranger.http.post("/register", json={"redirect_uris": [CALLBACK]}),
            await stranger.http.post("/sign-in", data=sign_in),
        ]
        assert [(a.status, "Retry-After" in a.headers) for a in answers] == [(503, True)] * 2
        assert (await ada.http.get("/.well-known/jwks.json")).status == 200
        assert (await ada.http.get("/readyz")).status == 200
        await redis.command("CONFIG", "SET", "maxmemory", "0")
        assert before <= await stored_keys(redis)
        assert (await ada.token(**refresh(client, tokens)))["status"] == 200
        await service.register()
        await stranger.sign_in()


async def test_grants_go_on_and_can_be_revoked(redis, service):
    """A flood of strangers must not end the service for those who have access, nor keep a grant from being ended."""
    async with service.browser() as ada:
        await ada.sign_in()
        client = await service.register()
        tokens = await ada.allow(client)
        grant = tokens["refresh_token"].split(".")[0]
        await fill(redis)
        for _ in range(3):
            tokens = await ada.token(**refresh(client, tokens))
            assert tokens["status"] == 200
        assert await service.grants.end(grant, reason="operator", now=int(time.time()))
        assert (await service.grants.find(grant)).status is GrantStatus.ENDED
        assert (await ada.token(**refresh(client, tokens)))["error"] == "invalid_grant"


async def test_the_operator_sees_how_full_redis_is(redis, service):
    async with service.browser() as browser, asyncio.timeout(20):
        await fill(redis)
        impaired = []
        while impaired != ["redis"]:
            await asyncio.sleep(0.2)
            impaired = (await (await browser.http.get("/readyz")).json())["impaired"]
        line = next(
            line
            for line in (await (await browser.http.get("/metrics")).text()).splitlines()
            if line.startswith("sallyport_redis_used_memory_ratio ")
        )
        assert float(line.split()[1]) > 1
