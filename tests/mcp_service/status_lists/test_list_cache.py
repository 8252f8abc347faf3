"""The cache of lists by their addresses, against a server of lists over real HTTP."""

import asyncio
import math
import random
import time

import pytest

from mcp_service.status_lists.list_fetcher import MAX_CONCURRENT_PER_ORIGIN, ListAddresses, ListFetcher
from shared.access_tokens.profile import StatusReference
from tests.mcp_service.status_lists.conftest import ask, until
from tests.support.local_issuer import new_key
from tests.support.local_list_server import ENTRIES, LocalListServer
from tests.support.local_status_lists import list_token

INVALID, SUSPENDED = 1, 2


def allows(cache, uri, entry=7):
    """Whether a token that was verified before would be accepted."""
    return cache.allow(StatusReference(uri, entry))


@pytest.mark.invariant(2)
async def test_a_list_is_fetched_once_for_all_tokens_that_name_it_first_and_for_none_after_that(
    make_list_cache, list_server
):
    cache = await make_list_cache(ttl=300)
    first = await asyncio.gather(*(ask(cache, list_server.uri(), entry) for entry in range(ENTRIES)))
    later = [await ask(cache, list_server.uri(), entry) for entry in range(ENTRIES)]
    assert {*first, *later} == {"good"}
    (request,) = list_server.requests
    assert request.headers["Accept"] == "application/statuslist+jwt"
    assert request.headers["Accept-Encoding"] == "identity"


@pytest.mark.invariant(12)
@pytest.mark.parametrize("status", [INVALID, SUSPENDED, 3])
async def test_a_status_other_than_valid_is_refused(make_list_cache, list_server, status):
    list_server.publish(statuses={7: status})
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri()) == "revoked"
    assert await ask(cache, list_server.uri(), 6) == "good"


@pytest.mark.invariant(12)
async def test_a_revocation_is_learned_in_the_background_and_told_to_observers(make_list_cache, list_server):
    cache = await make_list_cache()
    told = asyncio.Event()
    cache.on_change(told.set)
    assert await ask(cache, list_server.uri()) == "good"
    list_server.publish(statuses={7: INVALID})
    async with asyncio.timeout(10):
        await told.wait()
    assert not allows(cache, list_server.uri())
    assert allows(cache, list_server.uri(), 6)


async def test_a_suspension_is_lifted_by_a_list_that_was_issued_later(make_list_cache, list_server):
    list_server.publish(statuses={7: SUSPENDED})
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri()) == "revoked"
    list_server.publish(statuses={7: 0})
    await until(cache, lambda: allows(cache, list_server.uri()))


@pytest.mark.invariant(12)
async def test_a_list_that_was_issued_earlier_is_refused(make_list_cache, list_server):
    list_server.publish(statuses={7: INVALID})
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri()) == "revoked"
    list_server.publish(statuses={7: 0}, iat=list_server.issued_at - 5)
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    assert await ask(cache, list_server.uri()) == "revoked"


@pytest.mark.invariant(12)
async def test_an_entry_beyond_the_end_is_refused(make_list_cache, list_server):
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri(), ENTRIES - 1) == "good"
    assert await ask(cache, list_server.uri(), ENTRIES) == "status_index"
    assert await ask(cache, list_server.uri(), 1 << 40) == "status_index"


@pytest.mark.invariant(10)
@pytest.mark.parametrize("path", ["/other/a", "/lists", "/lists/../a", "/lists/%2e%2e/a", "/lists/a?b", "/lists//a"])
async def test_no_address_that_is_not_below_a_prefix_is_asked(make_list_cache, list_server, path):
    cache = await make_list_cache()
    assert await ask(cache, f"{list_server.url}{path}") == "status_list"
    assert await ask(cache, "http://127.0.0.1:1/lists/a") == "status_list"
    assert list_server.requests == []


@pytest.mark.invariant(10)
async def test_the_address_is_requested_as_it_was_written(make_list_cache, list_server):
    cache = await make_list_cache()
    name = "a'b(c)*;d=1,~!$&@:+"
    list_server.publish(name)
    assert await ask(cache, list_server.uri(name)) == "good"
    assert list_server.requests[-1].raw_path == f"/lists/{name}"


@pytest.mark.invariant(10)
async def test_a_redirect_is_not_followed(make_list_cache, list_server):
    cache = await make_list_cache()
    list_server.status, list_server.headers = 302, {"Location": list_server.uri("b")}
    assert await ask(cache, list_server.uri()) == "cannot know"
    assert len(list_server.requests) == 1


@pytest.mark.invariant(12)
async def test_a_list_that_does_not_exist_is_asked_for_once_a_minute(make_list_cache, list_server):
    cache = await make_list_cache()
    answers = [await ask(cache, list_server.uri("none")) for _ in range(5)]
    answers += await asyncio.gather(*(ask(cache, list_server.uri("none")) for _ in range(5)))
    assert set(answers) == {"status_list"}
    assert len(list_server.requests) == 1
    assert (await cache.readiness()).impaired is False
    list_server.publish("none")
    cache._clock.added = 61
    assert await ask(cache, list_server.uri("none")) == "good"


@pytest.mark.invariant(8)
@pytest.mark.parametrize("status", [500, 503, 403, 204])
async def test_a_list_that_cannot_be_fetched_is_asked_for_once_per_cooldown(make_list_cache, list_server, status):
    cache = await make_list_cache()
    list_server.status = status
    answers = [await ask(cache, list_server.uri()) for _ in range(5)]
    answers += await asyncio.gather(*(ask(cache, list_server.uri()) for _ in range(5)))
    assert set(answers) == {"cannot know"}
    assert len(list_server.requests) == 1
    assert (await cache.readiness()).impaired is True
    list_server.status = 200
    cache._clock.added = 11
    assert await ask(cache, list_server.uri()) == "good"
    assert (await cache.readiness()).impaired is False


BAD_LISTS = {
    "of another key": {"key": None},
    "of another type": {"header": {"typ": "at+jwt"}},
    "without a signature algorithm": {"header": {"alg": "none"}},
    "of another issuer": {"iss": "https://evil.example"},
    "of another address": {"sub": "https://evil.example/lists/a"},
    "of another list of the issuer": {"sub": "c"},
    "expired": {"exp": int(time.time()) - 60},
    "of the future": {"iat": int(time.time()) + 600},
    "with a ttl of no time": {"ttl": 0},
    "of three bits": {"status_list": {"bits": 3, "lst": "eNrbuRgAAhcBXQ"}},
    "cut": {"status_list": {"bits": 1, "lst": "eNrj"}},
}


@pytest.mark.invariant(12)
@pytest.mark.parametrize("wrong", BAD_LISTS.values(), ids=BAD_LISTS)
async def test_a_bad_list_is_not_taken_and_replaces_no_good_one(make_list_cache, list_server, wrong):
    cache = await make_list_cache()
    list_server.publish("b")
    assert await ask(cache, list_server.uri("b")) == "good"
    claims = {"key": list_server.key, "iss": list_server.issuer} | wrong
    claims["key"] = claims["key"] or new_key()
    if claims.get("sub") == "c":
        claims["sub"] = list_server.uri("c")
    list_server.issued_at += 1  # another ETag
    for name in ("a", "b"):
        list_server.put(name, list_token(list_server.uri(name), bytes([255] * 8), **claims))
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    assert await ask(cache, list_server.uri("a")) == "cannot know"
    assert await ask(cache, list_server.uri("b")) == "good"


@pytest.mark.invariant(12)
@pytest.mark.parametrize("content_type", ["text/plain", "application/jwt", "application/statuslist+cwt"])
async def test_another_media_type_is_not_read(make_list_cache, list_server, content_type):
    cache = await make_list_cache()
    list_server.content_type = content_type
    assert await ask(cache, list_server.uri()) == "cannot know"
    assert cache._metrics.outcomes == ["unreachable"]


@pytest.mark.invariant(12)
async def test_an_answer_beyond_its_bound_is_not_read(make_list_cache, list_server):
    cache = await make_list_cache()
    list_server.put("a", "a" * ((2 << 20) + 1))
    assert await ask(cache, list_server.uri()) == "cannot know"
    assert cache._metrics.outcomes == ["unreachable"]


@pytest.mark.invariant(12)
async def test_a_long_list_is_read_and_one_signed_by_another_key_is_not(make_list_cache, list_server):
    cache = await make_list_cache()
    statuses = random.Random(1).randbytes(1 << 17)
    for name, key in (("long", list_server.key), ("forged", new_key())):
        token = list_token(list_server.uri(name), statuses, key, iss=None)
        assert len(token) > 1 << 17
        list_server.put(name, token)
    assert await ask(cache, list_server.uri("long"), 8000) == ("revoked" if statuses[1000] & 1 else "good")
    assert cache._lists[list_server.uri("long")] == statuses
    assert await ask(cache, list_server.uri("forged"), 8000) == "cannot know"


@pytest.mark.invariant(12)
async def test_a_server_that_does_not_answer_delays_a_request_within_the_bound(make_list_cache, list_server):
    cache = await make_list_cache()
    list_server.held = asyncio.Event()
    started = time.monotonic()
    assert await ask(cache, list_server.uri()) == "cannot know"
    assert time.monotonic() - started < 10
    list_server.held.set()


@pytest.mark.invariant(12)
async def test_an_origin_that_does_not_answer_delays_the_lists_of_no_other(list_server, signing_key, issuer):
    other = LocalListServer(signing_key, issuer.url)
    await other.start()
    other.publish()
    fetcher = ListFetcher(ListAddresses([list_server.url, other.url]), response_seconds=60)
    list_server.held = asyncio.Event()
    waiting = [
        asyncio.create_task(fetcher.fetch(list_server.uri(), etag=None)) for _ in range(MAX_CONCURRENT_PER_ORIGIN + 1)
    ]
    try:
        await list_server.until_asked(MAX_CONCURRENT_PER_ORIGIN)
        async with asyncio.timeout(10):
            assert (await fetcher.fetch(other.uri(), etag=None)).unverified_token
        assert len(list_server.requests) == MAX_CONCURRENT_PER_ORIGIN
    finally:
        list_server.held.set()
        await asyncio.gather(*waiting)
        await fetcher.close()
        await other.stop()


async def test_a_list_that_has_not_changed_is_confirmed_without_being_sent(make_list_cache, list_server):
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri()) == "good"
    await until(cache, lambda: cache._metrics.outcomes.count("unchanged") >= 3)
    assert "If-None-Match" not in list_server.requests[0].headers
    assert list_server.requests[-1].headers["If-None-Match"] == f'"a-{list_server.issued_at}"'
    assert cache.age_seconds < 5


@pytest.mark.invariant(12)
async def test_a_list_that_has_expired_is_not_confirmed_by_its_tag(make_list_cache, list_server):
    list_server.claims["exp"] = int(time.time()) + 100
    cache = await make_list_cache()
    assert await ask(cache, list_server.uri()) == "good"
    await until(cache, lambda: cache._metrics.outcomes.count("unchanged") >= 2)
    cache._clock.added = 200
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    assert (await cache.readiness()).impaired is True
    del list_server.claims["exp"]
    list_server.publish()
    await until(cache, lambda: cache._metrics.outcomes[-1] == "unchanged")
    assert (await cache.readiness()).impaired is False


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("strict", "answer"), [(False, "good"), (True, "cannot know")])
async def test_beyond_the_stale_bound_the_guard_says_so_and_is_strict_if_told(
    make_list_cache, list_server, strict, answer
):
    list_server.publish(statuses={3: INVALID})
    cache = await make_list_cache(strict=strict)
    assert await ask(cache, list_server.uri()) == "good"
    list_server.status = 503
    await until(cache, lambda: "unreachable" in cache._metrics.outcomes)
    assert (await cache.readiness()).impaired is False
    cache._clock.added = 1001
    await until(cache, lambda: cache._metrics.outcomes[-1] == "unreachable")
    readiness = await cache.readiness()
    assert (readiness.ready, readiness.impaired) == (True, True)
    assert "1 of 1 lists cannot be read" in readiness.note
    assert cache.age_seconds > 900
    assert await ask(cache, list_server.uri(), lifetime=2000) == answer
    assert allows(cache, list_server.uri()) is (answer == "good")
    assert await ask(cache, list_server.uri(), 3, lifetime=2000) == "revoked"
    list_server.status = 200
    await until(cache, lambda: cache._metrics.outcomes[-1] == "unchanged")
    assert await ask(cache, list_server.uri()) == "good"
    assert (await cache.readiness()).impaired is False


async def test_a_list_is_kept_until_the_last_token_that_named_it_has_expired_and_then_left_alone(
    make_list_cache, list_server
):
    cache = await make_list_cache()
    await ask(cache, list_server.uri(), lifetime=1000)
    await ask(cache, list_server.uri(), lifetime=10)
    (followed,) = cache._by_address.values()
    cache._clock.added = 1000
    await until(cache, lambda: cache._metrics.outcomes[-1] == "unchanged")
    assert allows(cache, list_server.uri())
    cache._clock.added = 1061
    async with asyncio.timeout(10):
        await followed.task
    assert (cache._lists, cache._by_address) == ({}, {})
    assert math.isnan(cache.age_seconds)


@pytest.mark.invariant(12)
async def test_the_number_of_lists_is_bounded_and_those_that_are_held_stay(make_list_cache, list_server, monkeypatch):
    monkeypatch.setattr("mcp_service.status_lists.list_cache.MAX_LISTS", 2)
    cache = await make_list_cache(ttl=300)
    for name in ("a", "b", "c", "d"):
        list_server.publish(name)
    answers = await asyncio.gather(*(ask(cache, list_server.uri(name)) for name in ("a", "b", "c", "d")))
    assert sorted(answers) == ["cannot know", "cannot know", "good", "good"]
    assert len(cache._lists) == len(cache._by_address) == 2


@pytest.mark.invariant(8)
async def test_a_request_that_waits_when_the_service_stops_is_answered_503(make_list_cache, list_server):
    cache = await make_list_cache()
    list_server.held = asyncio.Event()
    waiting = asyncio.create_task(ask(cache, list_server.uri()))
    await list_server.until_asked(1)
    await cache.stop()
    assert await waiting == "cannot know"
    assert await ask(cache, list_server.uri()) == "cannot know"
    assert len(list_server.requests) == 1


async def test_without_a_list_there_is_nothing_to_report(make_list_cache):
    cache = await make_list_cache()
    assert math.isnan(cache.age_seconds)
    assert ((await cache.readiness()).note, (await cache.readiness()).impaired) == ("0 lists", False)


@pytest.mark.invariant(12)
async def test_a_list_without_ttl_is_refreshed_before_it_expires(make_list_cache, list_server):
    cache = await make_list_cache(ttl=None)
    list_server.publish(exp=int(time.time()) + 100)
    assert await ask(cache, list_server.uri()) == "good"
    (followed,) = cache._by_address.values()
    assert 95 < followed.refresh_after <= 105
