"""GET /.well-known/jwks.json: the published key set, and the wait for its next version."""

import asyncio
import json
import secrets

import pytest
import structlog
from aiohttp import web

from auth_service.key_encryption import EncryptionKeys
from auth_service.keys import jwks_endpoint as jwks
from auth_service.keys.key_generation import new_key
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import promote
from auth_service.keys.propagation import HeldSets
from auth_service.keys.propagation_tracker import LEAVING_MS, PropagationTracker
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from auth_service.keys.repository import KeyRingRepository
from sallyport_doctor.dns import DnsResolver
from sallyport_doctor.http_probe import HttpProbe
from sallyport_doctor.probes.metadata import fetch_key_set
from tests.support.supervisor import new_supervisor

KEYS = EncryptionKeys([secrets.token_bytes(32)])


class Served:
    def __init__(self, store, client, key_ring, endpoint, notes):
        self.client, self.key_ring, self.endpoint, self.notes = client, key_ring, endpoint, notes
        self._holders = ReplicaVersionRepository(store)
        self._storage = KeyRingRepository(store)

    def get(self, **headers):
        return self.client.get(jwks.PATH, headers={name.replace("_", "-"): value for name, value in headers.items()})

    async def rotate(self):
        key = new_key("ES256", KEYS)
        await self._storage.change(lambda ring: promote(ring, key, now_ms=1, token_lifetime_ms=1))

    async def held(self):
        await self.notes.write()
        return await self._holders.read()

    async def waiting(self, number):
        while self.endpoint._waiters < number:  # noqa: ASYNC110 - the endpoint has no reason to announce it
            await asyncio.sleep(0)


@pytest.fixture
async def served(store, aiohttp_client):
    key_ring = KeyRing(
        storage=KeyRingRepository(store),
        encryption_keys=KEYS,
        algorithm="RS256",
        token_lifetime_seconds=3600,
        log=structlog.get_logger(),
    )
    await key_ring.start(new_supervisor())
    notes = PropagationTracker(ReplicaVersionRepository(store), propagation_ms=600_000)
    endpoint = jwks.JwksEndpoint(key_ring=key_ring, notes=notes, max_age_seconds=300)
    app = web.Application()
    app.add_routes([web.get("/.well-known/jwks.json", endpoint.show)])
    yield Served(store, await aiohttp_client(app), key_ring, endpoint, notes)
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
async def test_a_holder_of_the_set_gets_304_without_a_body(served, form):
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


async def test_a_waiting_holder_gets_the_new_set_when_it_changes(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    await served.rotate()
    answer = await asyncio.wait_for(waiting, 10)
    assert answer.status == 200
    assert answer.headers["Preference-Applied"] == "wait=50"
    assert len((await answer.json())["keys"]) == 3


async def test_a_waiting_holder_gets_304_when_the_time_is_over(served):
    etag = (await served.get()).headers["ETag"]
    answer = await served.get(If_None_Match=etag, Prefer="respond-async, wait=1")
    assert answer.status == 304
    assert answer.headers["Preference-Applied"] == "wait=1"


async def test_a_wait_is_cut_to_what_is_offered_and_the_answer_says_so(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=86400"))
    await served.waiting(1)
    await served.rotate()
    assert (await waiting).headers["Preference-Applied"] == f"wait={jwks.LONGEST_WAIT_SECONDS}"


async def test_who_holds_another_set_or_none_does_not_wait(served):
    for headers in ({"Prefer": "wait=50"}, {"Prefer": "wait=50", "If_None_Match": '"1-0000000000000000"'}):
        answer = await asyncio.wait_for(served.get(**headers), 5)
        assert answer.status == 200
        assert "Preference-Applied" not in answer.headers


async def test_a_stopping_server_answers_all_who_wait(served):
    etag = (await served.get()).headers["ETag"]
    waiting = [asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50")) for _ in range(5)]
    await served.waiting(5)
    await served.endpoint.end_long_polls(served.client.app)
    answers = await asyncio.wait_for(asyncio.gather(*waiting), 5)
    assert {answer.status for answer in answers} == {304}
    later = await asyncio.wait_for(served.get(If_None_Match=etag, Prefer="wait=50"), 5)
    assert later.status == 304


async def test_beyond_the_most_waiters_the_answer_comes_at_once(served, monkeypatch):
    monkeypatch.setattr(jwks, "MOST_WAITERS", 1)
    etag = (await served.get()).headers["ETag"]
    first = asyncio.create_task(served.get(If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    answer = await asyncio.wait_for(served.get(If_None_Match=etag, Prefer="wait=50"), 5)
    assert answer.status == 304
    assert "Preference-Applied" not in answer.headers
    await served.endpoint.end_long_polls(served.client.app)
    await first


async def test_head_is_answered_like_get_without_a_body(served):
    answer = await served.client.head(jwks.PATH)
    assert answer.status == 200
    assert "ETag" in answer.headers


async def test_the_document_is_the_same_byte_for_byte_until_it_changes(served):
    first, second = [await (await served.get()).read() for _ in range(2)]
    assert first == second
    assert json.loads(first).keys() == {"keys"}


async def test_a_named_verifier_is_noted_with_what_it_showed_to_hold(served):
    etag = (await served.get(Sallyport_Replica="mcp-1")).headers["ETag"]
    assert [(holder.replica, holder.version) for holder in (await served.held()).replica_versions] == [("mcp-1", 0)]
    await served.get(Sallyport_Replica="mcp-1", If_None_Match=etag)
    assert [(holder.replica, holder.version) for holder in (await served.held()).replica_versions] == [("mcp-1", 1)]
    assert (await served.held()).unnamed_ms is None


@pytest.mark.parametrize("name", [None, "", "*unnamed", "a b", "x" * 65, "é"])
async def test_a_caller_without_a_proper_name_is_noted_as_somebody_unseen(served, name):
    await served.get(**({} if name is None else {"Sallyport_Replica": name}))
    held = await served.held()
    assert held.replica_versions == ()
    assert held.unnamed_ms is not None


async def test_a_caller_that_only_looks_is_not_noted_at_all(served):
    """Invariant 5 is not touched: there is no set of its that could lack the next key."""
    assert (await served.get(Sallyport_Replica=jwks.ONLY_LOOKS)).status == 200
    assert await served.held() == HeldSets()


async def test_a_caller_that_says_it_only_looks_and_shows_a_set_is_noted_as_somebody_unseen(served):
    etag = (await served.get(Sallyport_Replica=jwks.ONLY_LOOKS)).headers["ETag"]
    await served.get(Sallyport_Replica=jwks.ONLY_LOOKS, If_None_Match=etag)
    assert (await served.held()).unnamed_ms is not None


async def test_the_doctor_looks_at_the_key_set_without_being_taken_for_a_verifier(served):
    async with HttpProbe(str(served.client.make_url("/")), dns=DnsResolver()) as http:
        exchange = await fetch_key_set(http, str(served.client.make_url(jwks.PATH)))
    assert exchange.ok
    assert await served.held() == HeldSets()


async def test_a_cache_in_between_keeps_answers_to_different_names_apart(served):
    etag = (await served.get()).headers["ETag"]
    for answer in (await served.get(), await served.get(If_None_Match=etag)):
        assert answer.headers["Vary"] == jwks.REPLICA_HEADER


async def test_a_verifier_cannot_claim_to_hold_a_set_that_is_yet_to_come(served):
    for etag in ('"999-0000000000000000"', '"1-0000000000000000"', "*", "nonsense"):
        await served.get(Sallyport_Replica="mcp-1", If_None_Match=etag)
        assert [holder.version for holder in (await served.held()).replica_versions] == [0]


async def test_a_verifier_whose_connection_breaks_is_soon_counted_as_gone(served):
    etag = (await served.get()).headers["ETag"]
    waiting = asyncio.create_task(served.get(Sallyport_Replica="m", If_None_Match=etag, Prefer="wait=50"))
    await served.waiting(1)
    (before,) = (await served.held()).replica_versions
    waiting.cancel()
    while served.endpoint._waiters:  # noqa: ASYNC110 - the endpoint has no reason to announce it
        await asyncio.sleep(0.01)
    (after,) = (await served.held()).replica_versions
    assert after.seen_ms == before.seen_ms
    assert after.expires_ms < before.expires_ms
    assert after.expires_ms - after.seen_ms < LEAVING_MS + 10_000


async def test_nobody_is_sent_back_to_an_older_set_by_a_replica_that_has_not_heard_yet(served, store):
    await served.key_ring.stop()
    await served.rotate()
    other = KeyRing(
        storage=KeyRingRepository(store),
        encryption_keys=KEYS,
        algorithm="RS256",
        token_lifetime_seconds=3600,
        log=structlog.get_logger(),
    )
    await other.refresh()
    answer = await served.get(If_None_Match=other.public_key_set.etag)
    assert answer.status == 304


async def test_a_made_up_version_makes_the_store_be_asked_no_more_than_now_and_then(served, monkeypatch):
    await served.key_ring.stop()
    reads = 0
    read = served.key_ring._steward._storage.read

    async def counted():
        nonlocal reads
        reads += 1
        return await read()

    monkeypatch.setattr(served.key_ring._steward._storage, "read", counted)
    made_up = [served.get(If_None_Match='"999-0000000000000000"') for _ in range(100)]
    answers = await asyncio.gather(*made_up)
    assert {answer.status for answer in answers} == {200}
    assert 1 <= reads <= 20
