"""The store falters: nothing runs twice, nothing is half done, everything comes back by itself (invariants 3, 6, 8)."""

import asyncio
import time

import pytest

from shared.errors import RedisUnavailable
from shared.redis.client import load_script
from tests.support.faulty_redis import Fault, FaultyRedis
from tests.support.person_at_service import CALLBACK, PASSWORD, VERIFIER, Service

pytestmark = pytest.mark.store

ADA = "ada"


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
async def service(store, through_proxy):
    async with Service(through_proxy, rate_limits="off") as running:
        yield running


class TestTheStoreClient:
    """redis-py's defaults repeat a command whose answer was lost; ours must not."""

    async def test_a_command_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        await through_proxy.command("SET", "counter", 0)
        proxy.fault = Fault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.command("INCR", "counter")
        proxy.fault = Fault.NONE
        assert await store.command("GET", "counter") == "1"

    async def test_a_script_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        script = load_script("auth_service.rate_limits", "gcra")
        arguments = (["sp:{x}:arrival"], [1_800_000_000_000, 1000, 10_000])
        await through_proxy.run(script, *arguments)
        proxy.fault = Fault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.run(script, *arguments)
        proxy.fault = Fault.NONE
        assert await store.command("GET", "sp:{x}:arrival") == "1800000002000"

    async def test_a_pipeline_whose_answer_is_lost_has_run_once(self, proxy, through_proxy, store):
        await through_proxy.command("PING")
        proxy.fault = Fault.LOSE_ANSWERS
        with pytest.raises(RedisUnavailable):
            await through_proxy.pipeline([("INCR", "one"), ("INCR", "two")])
        proxy.fault = Fault.NONE
        assert await store.pipeline([("GET", "one"), ("GET", "two")]) == ["1", "1"]

    @pytest.mark.parametrize("fault", [Fault.STALL, Fault.HANG_UP])
    async def test_a_command_that_did_not_arrive_is_not_sent_later(self, proxy, through_proxy, store, fault):
        await through_proxy.command("PING")
        proxy.fault = fault
        with pytest.raises(RedisUnavailable):
            await through_proxy.command("INCR", "counter")
        proxy.fault = Fault.NONE
        await through_proxy.command("PING")
        assert await store.command("GET", "counter") is None

    async def test_fifty_lost_answers_at_once_are_fifty_executions_and_the_client_goes_on(
        self, proxy, through_proxy, store
    ):
        await through_proxy.command("PING")
        proxy.fault = Fault.LOSE_ANSWERS
        results = await asyncio.gather(
            *(through_proxy.command("INCR", "counter") for _ in range(50)), return_exceptions=True
        )
        assert {type(r) for r in results} == {RedisUnavailable}
        proxy.fault = Fault.NONE
        # Those that found no connection in time were never sent; those that were sent have run once.
        assert int(await store.command("GET", "counter") or 0) <= 50
        before = int(await store.command("GET", "counter") or 0)
        assert await through_proxy.command("INCR", "counter") == before + 1


async def recovered(proxy, browser):
    """The store is back; connections that ended meanwhile may each cost one more 503 until the pool has new ones."""
    proxy.fault = Fault.NONE
    in_a_row = 0
    async with asyncio.timeout(10):
        while in_a_row < 5:
            in_a_row = in_a_row + 1 if (await browser.http.get("/readyz")).status == 200 else 0


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.HANG_UP, Fault.LOSE_ANSWERS])
async def test_every_endpoint_answers_503_with_when_to_come_back(proxy, service, fault):
    await service.users.add(ADA, PASSWORD)
    async with service.browser() as ada, service.browser() as stranger:
        await ada.sign_in(ADA)
        client = await service.register()
        tokens = await ada.allow(client)
        page = await stranger.ask(client)
        proxy.fault = fault
        requests = {
            "authorize": ada.http.get("/authorize", params={"client_id": "unknown", "response_type": "code"}),
            "sign-in": stranger.http.post("/sign-in", data=page.forms[0].inputs | {"username": ADA, "password": "x"}),
            "account": ada.http.get("/account", allow_redirects=False),
            "register": ada.http.post("/register", json={"redirect_uris": [CALLBACK]}),
            "refresh": ada.http.post(
                "/token",
                data={"grant_type": "refresh_token", "client_id": client, "refresh_token": tokens["refresh_token"]},
            ),
            "ready": ada.http.get("/readyz"),
        }
        answers = {}
        for name, request in requests.items():
            started = time.monotonic()
            response = await request
            await response.read()
            answers[name] = (response.status, "Retry-After" in response.headers)
            assert time.monotonic() - started < 10, "every wait is bounded"
        assert answers == dict.fromkeys(requests, (503, True))
        await recovered(proxy, ada)
        assert (await ada.get("/account")).status == 200


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.HANG_UP, Fault.LOSE_ANSWERS])
async def test_a_refresh_that_met_a_faltering_store_is_repeated_with_success(proxy, service, fault):
    await service.users.add(ADA, PASSWORD)
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        client = await service.register()
        tokens = await ada.allow(client)
        form = {"grant_type": "refresh_token", "client_id": client, "refresh_token": tokens["refresh_token"]}
        proxy.fault = fault
        assert (await ada.token(**form))["status"] == 503
        await recovered(proxy, ada)
        first, again = await ada.token(**form), await ada.token(**form)
        assert (first["status"], again["status"]) == (200, 200)
        assert first["refresh_token"] == again["refresh_token"]
        newest = await ada.token(**form | {"refresh_token": first["refresh_token"]})
        assert newest["status"] == 200


@pytest.mark.parametrize("fault", [Fault.STALL, Fault.HANG_UP])
async def test_a_code_that_did_not_reach_the_store_is_not_consumed(proxy, service, fault):
    await service.users.add(ADA, PASSWORD)
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        client = await service.register()
        page = await ada.submit(await ada.ask(client), decision="approve")
        code = page.refresh.partition("code=")[2].partition("&")[0]
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": VERIFIER,
            "client_id": client,
            "redirect_uri": CALLBACK,
        }
        proxy.fault = fault
        assert (await ada.token(**form))["status"] == 503
        await recovered(proxy, ada)
        assert (await ada.token(**form))["status"] == 200
        assert (await ada.token(**form))["error"] == "invalid_grant"


async def test_a_decision_whose_answer_was_lost_is_repeated_with_the_same_code(proxy, service):
    await service.users.add(ADA, PASSWORD)
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        client = await service.register()
        page = await ada.ask(client)
        proxy.fault = Fault.LOSE_ANSWERS
        assert (await ada.submit(page, decision="approve")).status == 503
        await recovered(proxy, ada)
        first, again = await ada.submit(page, decision="approve"), await ada.submit(page, decision="approve")
        assert first.refresh == again.refresh
        assert "code=" in first.refresh
