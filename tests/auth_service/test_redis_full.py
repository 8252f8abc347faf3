"""Redis is at its `maxmemory`: nothing stored is lost, new users are told to come back, and revocation still works."""

import asyncio

import pytest

from auth_service.grants.grant import GrantStatus
from shared.errors import RedisUnavailable
from shared.redis.single import SingleRedisClient
from tests.support.auth_server import LOOPBACK, PASSWORD, USERNAME, Code
from tests.support.topologies import DURABLE, Node

pytestmark = pytest.mark.store


@pytest.fixture
async def redis(tmp_path):
    node = Node(tmp_path, *DURABLE)
    node.start()
    client = SingleRedisClient(f"redis://127.0.0.1:{node.port}/0")
    yield client
    await client.close()
    node.stop()


@pytest.fixture
async def auth(redis, start_auth):
    server = await start_auth(on=redis)
    await server.users.add(USERNAME, PASSWORD)
    return server


async def fill(redis):
    """From here on Redis refuses every write that needs memory."""
    await redis.command("CONFIG", "SET", "maxmemory", "1mb")
    with pytest.raises(RedisUnavailable, match="OutOfMemory"):
        await redis.command("SET", "other", "x")


async def stored_keys(redis):
    return {key async for page in redis.scan("sp:*") for key in page}


async def test_new_users_get_503_and_nothing_stored_is_lost(redis, auth, client):
    tokens = await auth.tokens(client)
    newcomer = auth.user_agent()
    page = await newcomer.arrive(auth.authorize_url(client))
    user = auth.user_agent()
    url, verifier = auth.authorization(client)
    consent = await user.consent_page(url)
    before = await stored_keys(redis)
    await fill(redis)
    answers = [
        await auth.request("POST", "/register", json={"redirect_uris": [LOOPBACK]}),
        await newcomer.sign_in(page),
        await user.submit(consent, decision="approve"),
    ]
    assert [(answer.status, "Retry-After" in answer.headers) for answer in answers] == [(503, True)] * 3
    assert (await auth.get("/.well-known/jwks.json")).status == 200
    assert (await auth.get("/readyz")).status == 200
    await redis.command("CONFIG", "SET", "maxmemory", "0")
    assert before <= await stored_keys(redis)
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 200
    assert (await auth.redeem(Code(await user.decide(consent), verifier, client))).status == 200
    await auth.tokens(await auth.register())


async def test_grants_go_on_and_can_be_revoked(redis, auth, client):
    """A flood must not end the service for those who have access, nor keep a grant from being ended."""
    token = (await auth.tokens(client))["refresh_token"]
    grant = token.split(".")[0]
    await fill(redis)
    for _ in range(3):
        answer = await auth.refresh(client, token)
        assert answer.status == 200
        token = answer.json["refresh_token"]
    assert await auth.grants.end(grant, reason="operator")
    assert (await auth.grants.find(grant)).status is GrantStatus.ENDED
    assert (await auth.refresh(client, token)).json["error"] == "invalid_grant"


async def test_the_operator_sees_how_full_redis_is(redis, auth):
    await fill(redis)
    async with asyncio.timeout(20):
        impaired: list[str] = []
        while impaired != ["redis"]:
            await asyncio.sleep(0.2)
            impaired = (await auth.get("/readyz")).json["impaired"]
    lines = (await auth.get("/metrics")).text.splitlines()
    (line,) = (line for line in lines if line.startswith("sallyport_redis_used_memory_ratio "))
    assert float(line.split()[1]) > 1
