"""Ending a grant revokes its entry in a published status list, on every replica, within a moment (invariant 12)."""

import asyncio
import base64
import json
import time
import zlib
from dataclasses import replace

import pytest

from auth_service.audit.repository import AuditRepository
from auth_service.protocol.opaque import split_identifier
from auth_service.rate_limits import policy
from auth_service.status_lists import published_lists
from auth_service.status_lists.identifiers import MAX_LISTS, OPEN_LISTS, TAG_CHARACTERS, allocated_key
from auth_service.status_lists.repository import StatusListRepository
from mcp_service.status_lists.feed import MAX_CURSOR_CHARACTERS
from mcp_service.status_lists.feed import MAX_LISTS as MOST_LISTS_OF_A_VERIFIER
from shared.errors import RedisUnavailable
from shared.http import long_polls
from shared.rates import Rate
from tests.support.auth_server import ISSUER, NOTES, RESOURCES, USERNAME
from tests.support.oauth import unverified_claims, unverified_header

WITHIN_SECONDS = 2.0
BOTH = ("access_token", "refresh_token")


def entry_of(tokens):
    """The address and the index that an access token names."""
    return unverified_claims(tokens["access_token"])["status"]["status_list"]


def path_of(uri):
    return uri.removeprefix(ISSUER)


def bit(list_token, index):
    claims = unverified_claims(list_token)
    text = claims["status_list"]["lst"]
    bits = zlib.decompress(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    assert len(bits) == 8192
    return bits[index >> 3] >> (index & 7) & 1


async def is_revoked(auth, tokens):
    entry = entry_of(tokens)
    answer = await auth.get(path_of(entry["uri"]))
    assert answer.status == 200
    return bool(bit(answer.text, entry["idx"]))


async def until_revoked(auth, tokens):
    """How long it took; fails after WITHIN_SECONDS."""
    started = time.monotonic()
    while not await is_revoked(auth, tokens):
        assert time.monotonic() - started < WITHIN_SECONDS
        await asyncio.sleep(0.02)
    return time.monotonic() - started


async def test_a_token_names_its_entry_in_a_signed_list_of_the_issuer(auth, client):
    tokens = await auth.tokens(client)
    entry = entry_of(tokens)
    assert entry["uri"].startswith(f"{ISSUER}/status-lists/")
    assert 0 <= entry["idx"] < 65_536
    answer = await auth.get(path_of(entry["uri"]), headers={"Accept": "application/statuslist+jwt"})
    assert answer.headers["Content-Type"] == "application/statuslist+jwt"
    header, claims = unverified_header(answer.text), unverified_claims(answer.text)
    assert header["typ"] == "statuslist+jwt"
    assert header["kid"] in {key["kid"] for key in (await auth.get("/.well-known/jwks.json")).json["keys"]}
    assert claims["sub"] == entry["uri"]
    assert claims["status_list"]["bits"] == 1
    assert claims["iat"] < claims["exp"]
    assert claims["ttl"] > 0
    assert not await is_revoked(auth, tokens)


async def test_every_token_of_a_grant_names_the_same_entry_and_no_other_grant_does(auth, client):
    tokens = await auth.tokens(client)
    renewed = (await auth.refresh(client, tokens["refresh_token"])).json
    assert entry_of(renewed) == entry_of(tokens)
    assert entry_of(await auth.tokens(client)) != entry_of(tokens)


async def revoke_access(auth, client, tokens):
    assert (await auth.revoke(client, tokens["access_token"])).status == 200


async def revoke_refresh(auth, client, tokens):
    assert (await auth.revoke(client, tokens["refresh_token"])).status == 200


async def reuse(auth, client, tokens):
    first = (await auth.refresh(client, tokens["refresh_token"])).json
    second = (await auth.refresh(client, first["refresh_token"])).json
    await auth.refresh(client, second["refresh_token"])
    await auth.age_grant(unverified_claims(tokens["access_token"])["gid"], 3600)
    assert (await auth.refresh(client, tokens["refresh_token"])).json["error"] == "invalid_grant"


async def end_by_hand(auth, client, tokens):
    assert await auth.grants.end(unverified_claims(tokens["access_token"])["gid"], reason="by_hand")


@pytest.mark.store
@pytest.mark.invariant(12)
@pytest.mark.parametrize("end", [revoke_access, revoke_refresh, reuse, end_by_hand])
async def test_whatever_ends_a_grant_revokes_its_entry(auth, client, end):
    tokens, other = await auth.tokens(client), await auth.tokens(client)
    await end(auth, client, tokens)
    await until_revoked(auth, tokens)
    assert not await is_revoked(auth, other)


@pytest.mark.store
@pytest.mark.invariant(12)
async def test_a_replayed_code_revokes_the_entry(auth, client):
    code = await auth.code(client)
    tokens = (await auth.redeem(code)).json
    await auth.age_grant(unverified_claims(tokens["access_token"])["gid"], 60)
    assert (await auth.redeem(code)).json["error"] == "invalid_grant"
    await until_revoked(auth, tokens)


@pytest.mark.store
@pytest.mark.invariant(12)
async def test_both_tokens_revoked_many_times_at_once_at_two_replicas_end_the_grant_once(auth, client, start_auth):
    other = await start_auth()
    tokens = await auth.tokens(client)
    calls = [at.revoke(client, tokens[kind]) for at in (auth, other) for kind in BOTH for _ in range(10)]
    assert {answer.status for answer in await asyncio.gather(*calls)} == {200}
    await until_revoked(other, tokens)
    (list_id, entry) = path_of(entry_of(tokens)["uri"]).rpartition("/")[2], entry_of(tokens)["idx"]
    assert await StatusListRepository(auth.store).revoked([list_id]) == [{entry}]
    for replica in (auth, other):
        await replica.stop()
    events = [entry.event async for entry in AuditRepository(auth.store).read()]
    assert events.count("grant.revoked") == 1


async def test_a_grant_that_loses_a_scope_revokes_the_entry_of_its_older_tokens_only(auth, client, start_auth):
    tokens = await auth.tokens(client, scope="notes:read notes:write")
    [notes] = [r for r in RESOURCES if r["identifier"] == NOTES]
    less = {**notes, "scopes": {"notes:read": {"description": "x"}}, "default_scopes": ["notes:read"]}
    later = await start_auth(RESOURCES=json.dumps([less]))
    renewed = (await later.refresh(client, tokens["refresh_token"])).json
    await until_revoked(auth, tokens)
    assert not await is_revoked(auth, renewed)


@pytest.mark.store
@pytest.mark.invariant(12)
async def test_another_replica_publishes_it_too(auth, client, start_auth):
    other = await start_auth()
    tokens = await auth.tokens(client)
    await end_by_hand(auth, client, tokens)
    await until_revoked(other, tokens)


async def feed(auth, known="", wait=0):
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    answer = await auth.get("/status-lists", params={"known": known}, headers=headers)
    assert answer.status == 200, answer.text
    return answer


async def test_the_feed_sends_every_list_once_and_then_only_changes(auth, client):
    first = (await feed(auth)).json
    assert len(first["status_lists"]) == len(first["changed"]) == OPEN_LISTS
    assert {unverified_claims(token)["sub"] for token in first["changed"]} == set(first["status_lists"])
    assert (await feed(auth, first["known"])).json["changed"] == []
    tokens = await auth.tokens(client)
    await end_by_hand(auth, client, tokens)
    await until_revoked(auth, tokens)
    second = (await feed(auth, first["known"])).json
    (changed,) = second["changed"]
    assert unverified_claims(changed)["sub"] == entry_of(tokens)["uri"]
    assert bit(changed, entry_of(tokens)["idx"])
    assert (await feed(auth, second["known"])).json["changed"] == []


@pytest.mark.invariant(12)
async def test_a_waiting_verifier_learns_of_a_revocation_as_it_happens(auth, client):
    tokens = await auth.tokens(client)
    known = (await feed(auth)).json["known"]
    waiting = asyncio.create_task(feed(auth, known, wait=20))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    started = time.monotonic()
    await end_by_hand(auth, client, tokens)
    answer = await waiting
    assert time.monotonic() - started < WITHIN_SECONDS
    assert answer.headers["Preference-Applied"] == "wait=20"
    assert [bit(token, entry_of(tokens)["idx"]) for token in answer.json["changed"]] == [1]


async def test_a_wait_without_a_change_ends_with_nothing(auth):
    known = (await feed(auth)).json["known"]
    answer = await feed(auth, known, wait=1)
    assert (answer.json["changed"], answer.json["known"]) == ([], known)


async def test_waiting_requests_of_a_network_are_bounded_and_the_others_are_told_to_poll(auth, monkeypatch):
    monkeypatch.setattr(long_polls, "MAX_WAITING_PER_NETWORK", 2)
    known = (await feed(auth)).json["known"]
    waiting = [asyncio.create_task(feed(auth, known, wait=20)) for _ in range(2)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(2):
        refused = await feed(auth, known, wait=20)
    assert refused.json["changed"] == []
    assert "Preference-Applied" not in refused.headers
    assert not any(task.done() for task in waiting)
    waiting[0].cancel()
    await asyncio.gather(waiting[0], return_exceptions=True)
    await asyncio.sleep(0.2)
    third = asyncio.create_task(feed(auth, known, wait=20))
    await asyncio.sleep(0.2)
    assert not third.done()
    for task in (waiting[1], third):
        task.cancel()
    await asyncio.gather(waiting[1], third, return_exceptions=True)


async def test_a_stop_answers_those_that_wait(auth):
    known = (await feed(auth)).json["known"]
    waiting = asyncio.create_task(feed(auth, known, wait=50))
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        await auth.stop()
        assert (await waiting).json["changed"] == []


@pytest.mark.parametrize("known", ["x", "abcdefg", "abcdefgh.", "abcdefgh~abcdefg", "a" * 8 * 513])
async def test_a_cursor_of_another_form_is_refused(auth, known):
    answer = await auth.get("/status-lists", params={"known": known})
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_cursor_of_an_older_copy_of_redis_gets_what_differs(auth, client):
    """After a restore the tags are those of before: a verifier gets the lists again, and keeps the bits that it has."""
    first = (await feed(auth)).json
    foreign = "".join(f"of_later{n:08}" for n in range(len(first["known"]) // 16))
    assert len((await feed(auth, foreign)).json["changed"]) == OPEN_LISTS


async def test_without_a_cursor_it_is_the_aggregation_of_the_draft(auth):
    answer = await auth.get("/status-lists")
    assert answer.json.keys() == {"status_lists"}
    assert answer.headers["Content-Type"].startswith("application/json")
    metadata = (await auth.get("/.well-known/oauth-authorization-server")).json
    assert metadata["status_list_aggregation_endpoint"] == f"{ISSUER}/status-lists"


async def test_a_list_has_a_strong_etag_and_is_open_to_pages(auth, client):
    path = path_of(entry_of(await auth.tokens(client))["uri"])
    first = await auth.get(path, headers={"Origin": "https://app.example"})
    assert first.headers["Access-Control-Allow-Origin"] == "*"
    # An ES256 signature is another each time that it is made.
    assert (await auth.get(path)).text == first.text
    etag = first.headers["ETag"]
    assert etag.startswith('"')
    assert (await auth.get(path, headers={"If-None-Match": etag})).status == 304
    assert (await auth.get(path, headers={"If-None-Match": '"other"'})).status == 200


@pytest.mark.parametrize("path", ["/status-lists/aaaaaaaa", "/status-lists/%00", "/status-lists/changes"])
async def test_a_list_that_does_not_exist_is_404(auth, path):
    assert (await auth.get(path)).status == 404


@pytest.mark.store
@pytest.mark.invariant(12)
async def test_a_suspended_users_tokens_are_revoked(auth, client):
    tokens = await auth.tokens(client)
    await auth.users.suspend(await auth.users.find_by_name(USERNAME))
    await until_revoked(auth, tokens)


@pytest.mark.store
async def test_lists_are_opened_once_by_replicas_that_start_together(store):
    repository = StatusListRepository(store)
    registries = await asyncio.gather(*(repository.ensure_open() for _ in range(8)))
    assert {len(registry) for registry in registries} == {OPEN_LISTS}
    assert len({frozenset(registry) for registry in registries}) == 1


async def test_a_full_list_is_closed_and_replaced(auth, client, monkeypatch):
    monkeypatch.setattr(published_lists, "CLOSE_AT", 1)
    full = split_identifier(unverified_claims((await auth.tokens(client))["access_token"])["gid"])[0]
    repository = StatusListRepository(auth.store)
    await asyncio.sleep(published_lists.POLL_SECONDS * 3)
    registry = await repository.registry()
    assert registry[full] != "open"
    assert sum(state == "open" for state in registry.values()) == OPEN_LISTS


async def test_a_new_list_is_published_before_it_is_used(auth, client, monkeypatch):
    """Another replica, and the verifiers that it informs, learn of it first."""
    before = {unverified_claims(t)["sub"] for t in (await feed(auth)).json["changed"]}
    auth.monotonic.ahead = 10
    await asyncio.sleep(published_lists.POLL_SECONDS * 2)
    repository = StatusListRepository(auth.store)
    for uri in sorted(before)[:-1]:
        await repository.close(uri.rpartition("/")[2], now_ms=int(time.time() * 1000))
    await asyncio.sleep(published_lists.POLL_SECONDS * 3)
    assert len((await auth.get("/status-lists")).json["status_lists"]) == 2 * OPEN_LISTS - 1
    assert entry_of(await auth.tokens(client))["uri"] == max(before)


@pytest.mark.invariant(12)
async def test_a_list_in_which_every_candidate_is_taken_gives_no_entry_twice(auth, client):
    user = auth.user_agent()
    page = await user.consent_page(auth.authorize_url(client))
    (key,) = await auth.store.command("KEYS", "sp:*:interaction:*")
    list_id = key.removeprefix("sp:{").partition("}")[0]
    empty = f"sp:{{{list_id}}}:empty"
    await auth.store.command("SETBIT", empty, 65_535, 0)
    await auth.store.command("BITOP", "NOT", allocated_key(list_id), empty)  # every bit is set
    answer = await user.submit(page, decision="approve")
    assert answer.status == 503
    assert await auth.store.command("KEYS", "sp:*:grant:*") == []
    assert await auth.store.command("KEYS", "sp:*:decision:*") == []


async def test_without_redis_the_lists_are_served_as_they_were(auth, client, monkeypatch):
    tokens = await auth.tokens(client)

    async def away(*_arguments):
        raise RedisUnavailable("away")

    monkeypatch.setattr(StatusListRepository, "registry", away)
    await asyncio.sleep(published_lists.POLL_SECONDS * 2)
    assert not await is_revoked(auth, tokens)


async def test_a_cursor_of_as_many_lists_as_there_may_be_fits_into_a_request(auth):
    """A verifier bounds the cursor so that a server which reads request lines of 8,000 bytes takes it."""
    answer = await feed(auth, "x" * TAG_CHARACTERS * MAX_LISTS)
    assert len(answer.json["changed"]) == OPEN_LISTS
    assert TAG_CHARACTERS * MAX_LISTS <= MAX_CURSOR_CHARACTERS
    assert MAX_LISTS == MOST_LISTS_OF_A_VERIFIER


async def test_no_more_lists_are_opened_than_verifiers_hold(store):
    repository = StatusListRepository(store)
    for _ in range(MAX_LISTS // OPEN_LISTS + 2):
        opened = await repository.ensure_open()
        await asyncio.gather(
            *(repository.close(list_id, now_ms=1) for list_id, state in opened.items() if state == "open")
        )
    assert len(await repository.ensure_open()) == MAX_LISTS


async def test_a_network_that_draws_every_list_again_and_again_is_refused_and_others_are_not(start_auth, monkeypatch):
    monkeypatch.setattr(policy, "FEED_UNIT_BYTES", 16 * 1024)
    monkeypatch.setattr(policy, "FEEDS", replace(policy.FEEDS, rate=Rate(1, 60, burst=3)))
    auth = await start_auth(TRUSTED_PROXIES="127.0.0.0/8,::1")
    stranger, verifier = {"X-Forwarded-For": "203.0.113.5"}, {"X-Forwarded-For": "198.51.100.1"}

    async def ask(headers, known=""):
        return await auth.get("/status-lists", params={"known": known}, headers=headers)

    answers = [await ask(stranger) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert len({answer.text for answer in answers[:3]}) == 1
    # A cursor that knows one list draws all others.
    known = answers[0].json["known"]
    assert (await ask(stranger, known[:8])).status == 429
    # A verifier that knows all but a few is counted as any request, and another network as if nothing had been.
    assert (await ask(stranger, known[8:])).status == 200
    assert (await ask(verifier)).status == 200
