"""The store falters: nothing runs twice, nothing is half done, everything comes back by itself."""

import asyncio
import time

import pytest

from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.errors import RedisUnavailable
from shared.http.probe import TIMEOUT_SECONDS
from shared.redis.client import load_script
from tests.support.auth_server import CHEAP, LOOPBACK, PASSWORD, USERNAME
from tests.support.faulty_redis import FaultyRedis, RedisFault

pytestmark = [pytest.mark.store, pytest.mark.invariant(3, 6, 8)]


@pytest.fixture
def store_url(single_store_url):
    """The proxy stands in front of one server; what a failover does, tests/e2e/test_failover.py shows."""
    return single_store_url


@pytest.fixture
async def proxy(store_url):
    async with FaultyRedis(store_url) as running:
        yield running


@pytest.fixture
async def through_proxy(proxy):
    client = proxy.connect()
    yield client
    await client.close()


@pytest.fixture
async def auth(through_proxy, store, start_auth):
    server = await start_auth(on=through_proxy, RATE_LIMITS="off")
    # Not through the proxy, whose clients give up early: the tests begin with what is there.
    await UserService(UserRepository(store), PasswordHasher(parameters=CHEAP)).add(USERNAME, PASSWORD)
    return server


class TestTheStoreClient:
    """redis-py's defaults repeat a command whose answer was lost; ours must not."""

    async def test_a_command_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        await through_proxy.command("SET", "counter", 0)
        proxy.fault = RedisFault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.command("INCR", "counter")
        proxy.fault = RedisFault.NONE
        assert await store.command("GET", "counter") == "1"

    async def test_a_script_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        script = load_script("auth_service.rate_limits", "gcra")
        arguments = (["sp:{x}:arrival"], [1_000_000, 10_000_000])
        first = await through_proxy.run(script, *arguments)
        proxy.fault = RedisFault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.run(script, *arguments)
        proxy.fault = RedisFault.NONE
        assert int(await store.command("GET", "sp:{x}:arrival")) == int(first[1]) + 1_000_000

    async def test_a_pipeline_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        await through_proxy.command("PING")
        proxy.fault = RedisFault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.pipeline([("INCR", "one"), ("INCR", "two")])
        proxy.fault = RedisFault.NONE
        assert await store.pipeline([("GET", "one"), ("GET", "two")]) == ["1", "1"]

    @pytest.mark.parametrize("fault", [RedisFault.STALL, RedisFault.HANG_UP])
    async def test_a_command_that_did_not_arrive_is_not_sent_later(self, proxy, through_proxy, store, fault):
        await through_proxy.command("PING")
        proxy.fault = fault
        with pytest.raises(RedisUnavailable):
            await through_proxy.command("INCR", "counter")
        proxy.fault = RedisFault.NONE
        await through_proxy.command("PING")
        assert await store.command("GET", "counter") is None

    async def test_fifty_lost_answers_at_once_are_fifty_executions_and_the_client_goes_on(
        self, proxy, through_proxy, store
    ):
        await through_proxy.command("PING")
        proxy.fault = RedisFault.LOSE_ANSWERS
        results = await asyncio.gather(
            *(through_proxy.command("INCR", "counter") for _ in range(50)), return_exceptions=True
        )
        assert {type(r) for r in results} == {RedisUnavailable}
        proxy.fault = RedisFault.NONE
        # Those that found no connection in time were never sent; those that were sent have run once.
        assert int(await store.command("GET", "counter") or 0) <= 50
        before = int(await store.command("GET", "counter") or 0)
        assert await through_proxy.command("INCR", "counter") == before + 1


async def recovered(proxy, auth):
    """The store is back; connections that ended meanwhile may each cost one more 503 until the pool has new ones."""
    proxy.fault = RedisFault.NONE
    in_a_row = 0
    async with asyncio.timeout(10):
        while in_a_row < 5:
            answer = await auth.get("/authorize?client_id=unknown&response_type=code")
            in_a_row = in_a_row + 1 if answer.status == 400 else 0


@pytest.mark.parametrize("fault", [RedisFault.STALL, RedisFault.HANG_UP, RedisFault.LOSE_ANSWERS])
async def test_every_endpoint_answers_503_with_when_to_come_back(proxy, auth, client, fault):
    ada, other = auth.user_agent(), auth.user_agent()
    tokens = await auth.tokens(client, ada)
    page = await other.arrive(auth.authorize_url(client))
    proxy.fault = fault
    requests = {
        "authorize": ada.get("/authorize?client_id=unknown&response_type=code"),
        "sign-in": other.sign_in(page, password="x"),
        "account": ada.get("/account"),
        "register": auth.request("POST", "/register", json={"redirect_uris": [LOOPBACK]}),
        "refresh": auth.refresh(client, tokens["refresh_token"]),
    }
    async with asyncio.timeout(10):
        answers = await asyncio.gather(*requests.values())
    assert {
        name: (answer.status, "Retry-After" in answer.headers) for name, answer in zip(requests, answers, strict=True)
    } == dict.fromkeys(requests, (503, True))
    await recovered(proxy, auth)
    assert (await ada.get("/account")).status == 200


@pytest.mark.parametrize("fault", [RedisFault.STALL, RedisFault.HANG_UP, RedisFault.LOSE_ANSWERS])
async def test_a_refresh_that_met_a_faltering_store_is_repeated_with_success(proxy, auth, client, fault):
    tokens = await auth.tokens(client)
    proxy.fault = fault
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 503
    await recovered(proxy, auth)
    first = await auth.refresh(client, tokens["refresh_token"])
    again = await auth.refresh(client, tokens["refresh_token"])
    assert (first.status, again.status) == (200, 200)
    assert first.json["refresh_token"] == again.json["refresh_token"]
    newest = await auth.refresh(client, first.json["refresh_token"])
    assert newest.status == 200


@pytest.mark.parametrize("fault", [RedisFault.STALL, RedisFault.HANG_UP])
async def test_a_code_that_did_not_reach_the_store_is_not_consumed(proxy, auth, client, fault):
    code = await auth.code(client)
    proxy.fault = fault
    assert (await auth.redeem(code)).status == 503
    await recovered(proxy, auth)
    assert (await auth.redeem(code)).status == 200
    assert (await auth.redeem(code)).json["error"] == "invalid_grant"


async def test_a_decision_whose_answer_was_lost_is_repeated_with_the_same_code(proxy, auth, client):
    ada = auth.user_agent()
    page = await ada.consent_page(auth.authorize_url(client))
    proxy.fault = RedisFault.LOSE_ANSWERS
    assert (await ada.submit(page, decision="approve")).status == 503
    await recovered(proxy, auth)
    first, again = await ada.submit(page, decision="approve"), await ada.submit(page, decision="approve")
    assert first.refresh == again.refresh
    assert "code=" in first.refresh


@pytest.mark.parametrize("fault", [RedisFault.STALL, RedisFault.HANG_UP, RedisFault.LOSE_ANSWERS])
async def test_without_redis_the_jwks_and_metadata_are_served_and_readiness_names_redis(proxy, auth, fault):
    proxy.fault = fault
    async with asyncio.timeout(20):
        impaired: list[str] = []
        while impaired != ["redis"]:
            started = time.monotonic()
            ready = await auth.get("/readyz")
            assert time.monotonic() - started < TIMEOUT_SECONDS, "a probe does not wait for Redis"
            assert ready.status == 200
            impaired = ready.json["impaired"]
            await asyncio.sleep(0.1)
    for path in ("/.well-known/jwks.json", "/.well-known/oauth-authorization-server"):
        assert (await auth.get(path)).status == 200
    assert "sallyport_redis_unreachable_primaries 1.0" in (await auth.get("/metrics")).text
