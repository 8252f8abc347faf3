"""GET /.well-known/jwks.json: the published key set, and the wait for its next version."""

import asyncio
import json
import secrets

import pytest
import structlog
from aiohttp import web

from auth_service.encryption import EncryptionKeys
from auth_service.keys import jwks_endpoint as jwks
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import RotationPolicy, promote
from auth_service.keys.propagation import ReportedVersions
from auth_service.keys.propagation_tracker import RECONNECT_MS, PropagationTracker
from auth_service.keys.repository import KeyRingRepository, ReplicaVersionRepository
from auth_service.keys.signer import new_key
from sallyport_doctor.dns import DnsResolver
from sallyport_doctor.http_probe import HttpProbe
from sallyport_doctor.probes.metadata import fetch_key_set
from shared.http import long_polls
from shared.http.long_polls import REPLICA_HEADER
from shared.http.request_middleware import context_middleware
from shared.ip_addresses import parse_networks
from tests.support.supervisor import new_supervisor

KEYS = EncryptionKeys([secrets.token_bytes(32)])


class Served:
    def __init__(self, store, client, key_ring, endpoint, tracker):
        self.client, self.key_ring, self.endpoint, self.tracker = client, key_ring, endpoint, tracker
        self._replica_versions = ReplicaVersionRepository(store)
        self._repository = KeyRingRepository(store)

    def get(self, **headers):
        return self.client.get(jwks.PATH, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def rotate(self):
        key = new_key("ES256", KEYS)
        await self._repository.change(lambda ring: promote(ring, key, now_ms=1, token_lifetime_ms=1))

    async def reported(self):
        await self.tracker.flush()
        return await self._replica_versions.read()

    async def waiting(self, number):
        while self.endpoint._polls.waiting < number:  # noqa: ASYNC110 - the endpoint has no reason to announce it
            await asyncio.sleep(0)


@pytest.fixture
async def served(store, aiohttp_client):
    key_ring = KeyRing(
        repository=KeyRingRepository(store),
        encryption_keys=KEYS,
        policy=RotationPolicy("RS256", 10**12, 600_000, 3_600_000),
        log=structlog.get_logger(),
    )
    await key_ring.start(new_supervisor())
    tracker = PropagationTracker(ReplicaVersionRepository(store), publish_lead_ms=600_000)
    endpoint = jwks.JwksEndpoint(key_ring=key_ring, tracker=tracker, max_age_seconds=300)
    app = web.Application(middlewares=[context_middleware(parse_networks(["127.0.0.0/8", "::1/128"]))])
    app.add_routes([web.get(jwks.PATH, endpoint.show)])
    yield Served(store, await aiohttp_client(app), key_ring, endpoint, tracker)
    await key_ring.stop()


async def test_the_set_has_the_public_members_of_every_key_and_no_other(served):
    answer = await served.get()
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    keys = (await answer.json())["keys"]
    assert [key["kid"] for key in keys] == [key.kid for key in served.key_ring.ring.keys]
    assert [set(key) for key in keys] == [{"kty", "use", "alg", "kid", "n", "e"}] * 2
    assert {(key["kty"], key["use"], key["alg"]) for key in keys} == {("RSA", "sig", "RS256")}


async def test_a_pending_key_of_another_algorithm_is_published_in_its_own_form(served):
    await served.rotate()
    await served.key_ring.refresh()
    keys = (await (await served.get()).json())["keys"]
    forms = [set(key) - {"use", "alg", "kid"} for key in keys]
    assert forms == [
        {"kty", "n", "e"},
        {"kty", "crv", "x", "y"},
        {"kty", "n", "e"},
    ]


@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}'])
async def test_a_client_with_the_set_gets_304_without_a_body(served, form):
    etag = (await served.get()).headers["ETag"]
    assert not etag.startswith("W/")
    answer = await served.get(If_None_Match=form.format(etag))
    assert answer.status == 304
    assert answer.headers["ETag"] == etag
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert "Preference-Applied" not in answer.headers
    assert await answer.read() == b""


async def test_a_change_changes_the_etag(served):
    etag = (await served.get()).headers["ETag"]
    await served.rotate()
    await served.key_ring.refresh()
    answer = await served.get(If_None_Match=etag)
    assert answer.status == 200
    assert answer.headers["ETag"] != etag


async def test_a_long_poll_gets_the_new_set_when_it_changes(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    await served.rotate()
    answer = await asyncio.wait_for(waiting, 10)
    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert len((await answer.json())["keys"]) == 3


async def test_a_long_poll_gets_304_when_the_time_is_over(served):
    etag = (await served.get()).headers["ETag"]
    answer = await served.get(If_None_Match=etag, Prefer="respond-async, wait=1")
    assert answer.status == 304
    assert answer.headers["Preference-Applied"] == "wait=1"


async def test_a_wait_is_cut_to_what_is_offered_and_the_answer_says_so(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=86400"))
    await served.waiting(1)
    await served.rotate()
    assert (await waiting).headers["Preference-Applied"] == f"wait={long_polls.MAX_WAIT_SECONDS}"


async def test_a_client_with_another_set_or_none_does_not_wait(served):
    for headers in ({"Prefer": "wait=50"}, {"Prefer": "wait=50", "If_None_Match": '"1-0000000000000000"'}):
        answer = await asyncio.wait_for(served.get(**headers), 5)
        assert answer.status == 200
        assert "Preference-Applied" not in answer.headers


async def test_a_stopping_server_answers_all_long_polls(served):
    etag = (await served.get()).headers["ETag"]
    waiting = [asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50")) for _ in range(5)]
    await served.waiting(5)
    await served.endpoint.end_long_polls(served.client.app)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert {answer.status for answer in answers} == {304}
    later = await asyncio.wait_for(served.get(If_None_Match=etag, Prefer="wait=50"), 5)
    assert later.status == 304


async def test_beyond_the_maximum_of_long_polls_the_answer_comes_at_once(served, monkeypatch):
    monkeypatch.setattr(long_polls, "MAX_WAITING_REQUESTS", 1)
    etag = (await served.get()).headers["ETag"]
    first = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    answer = await asyncio.wait_for(served.get(If_None_Match=etag, Prefer="wait=50"), 5)
    assert answer.status == 304
    assert "Preference-Applied" not in answer.headers
    await served.endpoint.end_long_polls(served.client.app)
    await first


async def test_the_long_polls_of_one_network_leave_places_to_others(served, monkeypatch):
    monkeypatch.setattr(long_polls, "MAX_WAITING_REQUESTS", 3)
    monkeypatch.setattr(long_polls, "MAX_WAITING_PER_NETWORK", 2)
    etag = (await served.get()).headers["ETag"]
    poll = {"If_None_Match": etag, "Prefer": "wait=50", "X_Forwarded_For": "192.0.2.1"}
    attack = [asyncio.create_task(served.get(**poll)) for _ in range(3)]
    try:
        await asyncio.wait(attack, timeout=1, return_when=asyncio.FIRST_COMPLETED)
        honest = poll | {"X_Forwarded_For": "198.51.100.1", "Prefer": "wait=1"}
        assert "Preference-Applied" in (await served.get(**honest)).headers
    finally:
        await served.endpoint.end_long_polls(served.client.app)
        await asyncio.gather(*attack)


async def test_head_is_answered_like_get_without_a_body(served):
    answer = await served.client.head(jwks.PATH)
    assert answer.status == 200
    assert "ETag" in answer.headers


async def test_the_document_is_the_same_byte_for_byte_until_it_changes(served):
    first, second = [await (await served.get()).read() for _ in range(2)]
    assert first == second
    assert json.loads(first).keys() == {"keys"}


async def test_an_identified_verifier_is_recorded_with_the_version_that_it_reports(served):
    etag = (await served.get(Sallyport_Replica="mcp-1")).headers["ETag"]
    assert [(reported.replica, reported.version) for reported in (await served.reported()).replica_versions] == [
        ("mcp-1", 0)
    ]
    await served.get(Sallyport_Replica="mcp-1", If_None_Match=etag)
    assert [(reported.replica, reported.version) for reported in (await served.reported()).replica_versions] == [
        ("mcp-1", 1)
    ]
    assert (await served.reported()).unidentified_ms is None


@pytest.mark.parametrize("name", [None, "", "*unidentified", "a b", "x" * 65, "é"])
async def test_a_caller_without_a_valid_name_is_recorded_as_unidentified(served, name):
    await served.get(**({} if name is None else {"Sallyport_Replica": name}))
    found = await served.reported()
    assert found.replica_versions == ()
    assert found.unidentified_ms is not None


@pytest.mark.parametrize(
    ("agent", "recorded"),
    [
        ("curl/8.5.0", "curl/8.5.0 at 127.0.0.1"),
        ("a\udcffb", "ab at 127.0.0.1"),
        ("x" * 999, f"{'x' * 60} at 127.0.0.1"),
    ],
)
async def test_the_agent_and_address_of_an_unidentified_client_are_recorded_and_bounded(served, agent, recorded):
    await served.get(User_Agent=agent)
    assert (await served.reported()).unidentified_client == recorded


@pytest.mark.invariant(5)
async def test_an_observer_is_not_recorded(served):
    """Invariant 5 is not touched: there is no set of its that could lack the next key."""
    assert (await served.get(Sallyport_Replica=jwks.OBSERVER)).status == 200
    assert await served.reported() == ReportedVersions()


async def test_an_observer_that_reports_a_version_is_recorded_as_unidentified(served):
    etag = (await served.get(Sallyport_Replica=jwks.OBSERVER)).headers["ETag"]
    await served.get(Sallyport_Replica=jwks.OBSERVER, If_None_Match=etag)
    assert (await served.reported()).unidentified_ms is not None


async def test_the_doctor_looks_at_the_key_set_without_being_taken_for_a_verifier(served):
    async with HttpProbe(str(served.client.make_url("/")), dns=DnsResolver()) as http:
        exchange = await fetch_key_set(http, str(served.client.make_url(jwks.PATH)))
    assert exchange.ok
    assert await served.reported() == ReportedVersions()


async def test_a_cache_in_between_keeps_answers_to_different_names_apart(served):
    etag = (await served.get()).headers["ETag"]
    for answer in (await served.get(), await served.get(If_None_Match=etag)):
        assert answer.headers["Vary"] == REPLICA_HEADER


async def test_a_verifier_cannot_claim_to_hold_a_set_that_is_yet_to_come(served):
    for etag in ('"999-0000000000000000"', '"1-0000000000000000"', "*", "nonsense"):
        await served.get(Sallyport_Replica="mcp-1", If_None_Match=etag)
        assert [reported.version for reported in (await served.reported()).replica_versions] == [0]


async def test_a_verifier_whose_connection_breaks_is_soon_counted_as_gone(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(Sallyport_Replica="m", If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    (before,) = (await served.reported()).replica_versions
    waiting.cancel()
    while served.endpoint._polls.waiting:  # noqa: ASYNC110 - the endpoint has no reason to announce it
        await asyncio.sleep(0.01)
    (after,) = (await served.reported()).replica_versions
    assert after.seen_ms == before.seen_ms
    assert after.expires_ms < before.expires_ms
    assert after.expires_ms - after.seen_ms < RECONNECT_MS + 10_000


async def test_a_replica_that_lags_does_not_answer_with_an_older_set(served, store):
    await served.key_ring.stop()
    await served.rotate()
    other = KeyRing(
        repository=KeyRingRepository(store),
        encryption_keys=KEYS,
        policy=RotationPolicy("RS256", 10**12, 600_000, 3_600_000),
        log=structlog.get_logger(),
    )
    await other.refresh()
    answer = await served.get(If_None_Match=other.public_key_set.etag)
    assert answer.status == 304


async def test_an_invented_version_causes_few_reads_of_the_ring(served, monkeypatch):
    await served.key_ring.stop()
    reads = 0
    read = served.key_ring._reconciler._repository.read

    async def counted():
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(served.key_ring._reconciler._repository, "read", counted)
    invented = [served.get(If_None_Match='"999-0000000000000000"') for _ in range(100)]
    answers = await asyncio.gather(*invented)
    assert {answer.status for answer in answers} == {200}
    assert 1 <= reads <= 20
