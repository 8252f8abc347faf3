"""Clients by metadata document, end to end: fetched under their real names, cached, kept through outages (A15, F8)."""

import asyncio
import json

import pytest
from aiohttp import web

from auth_service.clients.cimd.document import CimdPolicy
from auth_service.clients.cimd.repository import CimdRepository
from auth_service.clients.cimd.resolver import COOLDOWN_SECONDS, MAX_STALE_SECONDS, CimdResolver, CimdUnavailable
from auth_service.clients.repository import ClientRepository
from auth_service.clients.resolver import USE_INTERVAL_SECONDS, ClientResolver
from auth_service.protocol.errors import UnacceptableCimd
from shared.errors import ServiceUnavailable
from tests.support import vendor_documents
from tests.support.named_hosts import NamedHosts

URL = "https://client.example/oauth/client.json"
PLAIN = vendor_documents.document(URL, "Client", ["https://client.example/cb"])


class Clock:
    """Seconds pass by changing `now`; `step` sets the wall clock, and not the one that never goes back."""

    now = 1_800_000_000.0
    step = 0.0

    def __call__(self):
        return self.now + self.step

    def monotonic(self):
        return self.now - 1_800_000_000


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def hosts():
    async with NamedHosts() as running:
        yield running


@pytest.fixture
async def make(hosts, store, clock):
    """Make the documents' source of one replica."""
    made = []

    def make_one(**policy):
        documents = CimdResolver(
            http=hosts.http_client(),
            loopback_http=hosts.http_client(),
            copies=CimdRepository(store, clock=clock),
            policy=CimdPolicy(**policy),
            monotonic=clock.monotonic,
        )
        made.append(documents)
        return documents

    yield make_one
    for documents in made:
        await documents.close()


@pytest.mark.parametrize("document", vendor_documents.ALL, ids=lambda d: d["client_id"])
async def test_the_documents_of_real_clients_are_fetched_under_their_real_names(hosts, make, document):
    hosts.serve_json(document["client_id"], document)
    client = await make().find(document["client_id"])
    assert (client.client_id, client.client_name) == (document["client_id"], document["client_name"])


async def test_a_fresh_document_is_not_fetched_again_and_a_stale_one_is(hosts, make, clock):
    hosts.serve_json(URL, PLAIN, Cache_Control="max-age=600")
    documents = make()
    await documents.find(URL)
    clock.now += 599
    await documents.find(URL)
    assert hosts.count(URL) == 1
    hosts.serve_json(URL, PLAIN | {"client_name": "Renamed"})
    clock.now += 1
    assert (await documents.find(URL)).client_name == "Renamed"
    assert hosts.count(URL) == 2


async def test_one_fetch_serves_all_waiting_callers_and_survives_a_cancelled_one(hosts, make):
    asked, release = asyncio.Event(), asyncio.Event()

    async def slow(_request):
        asked.set()
        await release.wait()
        return web.json_response(PLAIN)

    hosts.pages[URL] = slow
    documents = make()
    waiting = [asyncio.create_task(documents.find(URL)) for _ in range(10)]
    await asked.wait()
    waiting[0].cancel()
    release.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert isinstance(results[0], asyncio.CancelledError)
    assert {client.client_id for client in results[1:]} == {URL}
    assert hosts.count(URL) == 1


def outage(_request):
    return web.Response(status=503)


def bot_challenge(_request):
    return web.Response(text="<html>Just a moment...</html>", content_type="text/html")


@pytest.mark.parametrize(("answer", "then"), [(outage, CimdUnavailable), (bot_challenge, UnacceptableCimd)])
async def test_during_an_outage_the_last_good_copy_serves_for_two_weeks(hosts, make, clock, answer, then):
    hosts.serve_json(URL, PLAIN)
    documents = make()
    good = await documents.find(URL)
    hosts.pages[URL] = answer
    clock.now += MAX_STALE_SECONDS - 1
    assert await documents.find(URL) == good
    clock.now += COOLDOWN_SECONDS
    with pytest.raises(then):
        await documents.find(URL)


async def test_after_an_outage_the_document_is_fetched_again(hosts, make, clock):
    hosts.serve_json(URL, PLAIN)
    documents = make()
    await documents.find(URL)
    hosts.pages[URL] = outage
    clock.now += 86_400
    await documents.find(URL)
    hosts.serve_json(URL, PLAIN | {"client_name": "Back"})
    clock.now += COOLDOWN_SECONDS
    assert (await documents.find(URL)).client_name == "Back"


@pytest.mark.parametrize("answer", [outage, lambda _request: web.json_response(PLAIN | {"client_id": "x"})])
async def test_a_failure_is_remembered_for_a_minute_and_not_longer(hosts, make, clock, answer):
    hosts.pages[URL] = answer
    documents = make()
    for _ in range(5):
        with pytest.raises((CimdUnavailable, UnacceptableCimd)):
            await documents.find(URL)
    assert hosts.count(URL) == 1
    hosts.serve_json(URL, PLAIN)
    clock.now += COOLDOWN_SECONDS
    assert (await documents.find(URL)).client_id == URL


@pytest.mark.invariant(8, 10)
@pytest.mark.parametrize("answers", [[], [("10.0.0.1", 443)], [("127.0.0.1", 9)]])
async def test_a_document_that_cannot_be_fetched_is_a_fault_with_one_text_and_no_lost_token(hosts, make, answers):
    """Never invalid_client; invariant 10: one text for all causes, so that networks cannot be scanned."""

    async def lookup(_host, _port):
        return answers

    hosts.lookup = lookup
    with pytest.raises(CimdUnavailable) as refused:
        await make().find("https://unreachable.example/c.json")
    assert isinstance(refused.value, ServiceUnavailable)
    assert (refused.value.status, refused.value.headers["Retry-After"]) == (503, str(COOLDOWN_SECONDS))
    assert "unreachable" not in refused.value.public


@pytest.mark.parametrize(
    "answer",
    [
        lambda _request: web.Response(status=404),
        lambda _request: web.Response(status=410),
        lambda _request: web.json_response(PLAIN | {"client_secret": "leaked"}),
        lambda _request: web.json_response(PLAIN | {"redirect_uris": ["javascript:alert(1)"]}),
    ],
)
async def test_a_withdrawn_document_ends_the_client_although_a_copy_exists(hosts, make, clock, answer):
    hosts.serve_json(URL, PLAIN)
    documents = make()
    await documents.find(URL)
    await documents.keep(URL)
    hosts.pages[URL] = answer
    clock.now += 86_400
    with pytest.raises(UnacceptableCimd):
        await documents.find(URL)
    hosts.pages[URL] = outage
    clock.now += COOLDOWN_SECONDS
    with pytest.raises(CimdUnavailable):
        await documents.find(URL)


async def test_the_copy_of_a_used_client_survives_a_restart_during_an_outage(hosts, make, store, clock):
    hosts.serve_json(URL, PLAIN)
    resolver = ClientResolver(ClientRepository(store), cimd=make(), registration_ttl_seconds=86_400)
    client = await resolver.find(URL)
    await resolver.record_use(client)
    hosts.pages[URL] = outage
    clock.now += 7 * 86_400
    assert await make().find(URL) == client


async def test_a_document_that_was_not_used_leaves_nothing_in_redis(hosts, make, store):
    """A thousand URLs of an attacker do not fill it."""
    hosts.serve_json(URL, PLAIN)
    await make().find(URL)
    assert await store.command("KEYS", "*") == []


async def test_use_keeps_the_copy_again_once_in_a_while(hosts, make, store, clock):
    hosts.serve_json(URL, PLAIN)
    resolver = ClientResolver(
        ClientRepository(store), cimd=make(), registration_ttl_seconds=86_400, monotonic=clock.monotonic
    )
    await resolver.record_use(await resolver.find(URL))
    hosts.serve_json(URL, PLAIN | {"client_name": "Newer"})
    clock.now += USE_INTERVAL_SECONDS
    await resolver.record_use(await resolver.find(URL))
    copy = await CimdRepository(store, clock=clock).find(URL)
    assert json.loads(copy.body)["client_name"] == "Newer"


async def test_a_copy_in_the_store_is_read_under_the_rules_of_today(hosts, make, store, clock):
    hosts.serve_json(URL, PLAIN | {"redirect_uris": ["cursor://x/cb"]})
    documents = make()
    await documents.find(URL)
    await documents.keep(URL)
    stricter = make(redirect_schemes=frozenset())
    hosts.pages[URL] = outage
    with pytest.raises(CimdUnavailable):
        await stricter.find(URL)


async def test_a_well_known_vendors_client_works_although_its_edge_blocks_the_fetch(hosts, make):
    """Interop.md F8: the edge of some vendors answers data centres with 403."""
    url = vendor_documents.CLAUDE["client_id"]
    hosts.pages[url] = lambda _request: web.Response(status=403)
    client = await make().find(url)
    assert client.redirect_uris == ("https://claude.ai/api/mcp/auth_callback",)


async def test_a_denied_host_is_not_fetched_and_has_no_built_in_copy(hosts, make):
    url = vendor_documents.CLAUDE["client_id"]
    hosts.serve_json(url, vendor_documents.CLAUDE)
    with pytest.raises(UnacceptableCimd):
        await make(deny=("claude.ai",)).find(url)
    assert hosts.requests == []


async def test_the_development_switch_fetches_a_document_of_this_machine_by_http(make):
    app = web.Application()
    runner = web.AppRunner(app)

    async def answer(request):
        return web.json_response(vendor_documents.document(str(request.url), "Mine", ["http://127.0.0.1/cb"]))

    app.router.add_get("/client.json", answer)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/client.json"
    try:
        assert (await make(loopback=True).find(url)).client_name == "Mine"
        with pytest.raises(UnacceptableCimd):
            await make().find(url)
    finally:
        await runner.cleanup()


async def test_the_memory_of_documents_is_bounded(hosts, make, monkeypatch):
    monkeypatch.setattr("auth_service.clients.cimd.resolver.CACHE_SIZE", 3)
    documents = make()
    for n in range(6):
        url = f"https://client.example/{n}"
        hosts.serve_json(url, PLAIN | {"client_id": url})
        await documents.find(url)
    assert len(documents._cache._documents) == 3


def too_large(_request):
    return web.json_response(PLAIN | {"client_name": "x" * 6000})


def moved(_request):
    return web.Response(status=302, headers={"Location": "https://client.example/other"})


MISTAKES = {
    "text/plain": lambda _request: web.Response(text=json.dumps(PLAIN), content_type="text/plain"),
    "no JSON object": lambda _request: web.Response(text="[]", content_type="application/json"),
    "status 302": moved,
    "status 403": lambda _request: web.Response(status=403),
    "more than 5120": too_large,
}


@pytest.mark.parametrize("told", MISTAKES)
async def test_a_mistake_in_serving_a_document_is_told_apart_from_an_outage(hosts, make, told):
    """interop.md F27: "try again in a minute" would be told for ever."""
    hosts.pages[URL] = MISTAKES[told]
    with pytest.raises(UnacceptableCimd) as refused:
        await make().find(URL)
    assert (refused.value.code, refused.value.status) == ("invalid_client", 401)
    assert told in refused.value.public


@pytest.mark.parametrize(
    ("change", "told"), [({"client_id": "x"}, "client_id"), ({"redirect_uris": ["javascript:x"]}, "redirect")]
)
async def test_a_document_that_violates_a_rule_says_which(hosts, make, change, told):
    hosts.serve_json(URL, PLAIN | change)
    with pytest.raises(UnacceptableCimd) as refused:
        await make().find(URL)
    assert told in refused.value.public


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_in_serving_a_document_leaves_the_last_good_copy_in_use(hosts, make, clock, mistake):
    """A bot challenge looks the same."""
    hosts.serve_json(URL, PLAIN)
    documents = make()
    good = await documents.find(URL)
    hosts.pages[URL] = MISTAKES[mistake]
    clock.now += MAX_STALE_SECONDS - 1
    assert await documents.find(URL) == good


async def test_a_clock_that_is_set_back_lengthens_no_cooldown(hosts, make, clock):
    documents = make()
    hosts.pages[URL] = outage
    with pytest.raises(CimdUnavailable):
        await documents.find(URL)
    hosts.serve_json(URL, PLAIN)
    clock.step = -3600
    clock.now += COOLDOWN_SECONDS
    assert (await documents.find(URL)).client_id == URL


async def test_a_copy_that_a_clock_ahead_fetched_is_fresh_no_longer_than_its_host_allowed(hosts, make, clock):
    hosts.serve_json(URL, PLAIN, Cache_Control="max-age=600")
    documents = make()
    await documents.find(URL)
    await documents.keep(URL)
    clock.step = -3600
    other = make()
    await other.find(URL)
    assert hosts.count(URL) == 1
    clock.now += 600
    await other.find(URL)
    assert hosts.count(URL) == 2
