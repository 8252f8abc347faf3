"""The cache against the feed of an issuer over real HTTP."""

import asyncio
import json
import math

import pytest

from shared.access_tokens.profile import StatusReference
from tests.mcp_service.status_lists.conftest import ask, until
from tests.support.local_issuer import new_key
from tests.support.local_status_lists import LIST_BYTES, LocalStatusLists, list_token


@pytest.mark.invariant(12)
async def test_a_revocation_arrives_by_the_long_poll_that_waits_for_it(make_cache, lists):
    cache = await make_cache()
    assert await ask(cache, lists.uri("a")) == "good"
    await lists.until_waiting()
    requests = len(lists.requests)
    await lists.revoke("a", 7)
    await until(cache, lambda: not cache.allow(StatusReference(lists.uri("a"), 7)))
    assert len(lists.requests) == requests
    assert lists.requests[-1].headers["Prefer"] == "wait=25"
    assert await ask(cache, lists.uri("a")) == "revoked"
    assert await ask(cache, lists.uri("a"), 8) == "good"


@pytest.mark.invariant(12)
async def test_a_revocation_during_an_outage_is_learned_within_the_bound_after_it(make_cache, lists):
    cache = await make_cache()
    await lists.until_waiting()
    lists.status = 503
    lists.cut()
    await until(cache, lambda: "unreachable" in cache._metrics.outcomes)
    await lists.revoke("a", 7)
    lists.status = 200
    async with asyncio.timeout(2):
        await until(cache, lambda: not cache.allow(StatusReference(lists.uri("a"), 7)))


@pytest.mark.invariant(12)
async def test_an_issuer_that_does_not_wait_is_asked_again_and_again(make_cache, lists):
    lists.holds_back = False
    cache = await make_cache()
    await lists.until_asked(2)
    await lists.revoke("a", 7)
    await until(cache, lambda: not cache.allow(StatusReference(lists.uri("a"), 7)))


@pytest.mark.invariant(12)
async def test_a_list_that_goes_back_does_not_unrevoke(make_cache, lists):
    """A restore, or a failover that lost the last write."""
    await lists.revoke("a", 7)
    cache = await make_cache()
    lists.bits["a"] = bytearray(LIST_BYTES)
    await lists.until_waiting()
    await lists.revoke("a", 8)
    await until(cache, lambda: not cache.allow(StatusReference(lists.uri("a"), 8)))
    assert await ask(cache, lists.uri("a"), 7) == "revoked"


async def test_lists_that_the_issuer_does_not_have_cause_one_request_in_the_cooldown(make_cache, lists):
    cache = await make_cache()
    await lists.until_waiting()
    requests = len(lists.requests)
    assert await ask(cache, lists.uri("x")) == await ask(cache, lists.uri("y")) == "status_list"
    assert len([one for one in lists.requests[requests:] if "Prefer" not in one.headers]) == 1


BAD_LISTS = {
    "of another key": {"key": None},
    "of another type": {"header": {"typ": "at+jwt"}},
    "for another issuer": {"sub": "https://evil.example/status-lists/a"},
    "cut": {"status_list": {"bits": 1, "lst": "eNrj"}},
}


@pytest.mark.invariant(12)
@pytest.mark.parametrize("wrong", BAD_LISTS.values(), ids=BAD_LISTS)
async def test_a_bad_list_changes_nothing_and_keeps_no_good_one_back(make_cache, lists, wrong):
    cache = await make_cache()
    revoked = bytes([0xFF]) * LIST_BYTES
    bad = list_token(
        lists.uri("a"), revoked, **({"key": lists.key} | wrong | ({"key": new_key()} if "key" in wrong else {}))
    )
    await lists.put("a", bad)
    await lists.revoke("b", 3)
    await until(cache, lambda: not cache.allow(StatusReference(lists.uri("b"), 3)) and lists.uri("b") in cache._lists)
    assert "bad_document" in cache._metrics.outcomes
    assert await ask(cache, lists.uri("a")) == "good"
    assert not (await cache.readiness()).impaired
    await lists.revoke("a", 7)
    await until(cache, lambda: cache._metrics.outcomes[-1] == "changed")
    assert await ask(cache, lists.uri("a")) == "revoked"


@pytest.mark.invariant(12)
async def test_after_a_bad_answer_all_lists_are_asked_for(make_cache, lists):
    cache = await make_cache()
    await lists.until_waiting()
    requests = len(lists.requests)
    lists.body = b"[]"
    await lists.put("b")
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    lists.body = None
    await until(cache, lambda: lists.uri("b") in cache._lists)
    assert "" in [request.query["known"] for request in lists.requests[requests:]]


@pytest.mark.invariant(12)
async def test_after_a_cursor_that_is_refused_all_lists_are_asked_for(make_cache, lists):
    """The issuer was restored, or forgets old cursors."""
    cache = await make_cache()
    await lists.until_waiting()
    requests = len(lists.requests)
    lists.status = 400
    await lists.put("b")
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    lists.status = 200
    await until(cache, lambda: lists.uri("b") in cache._lists)
    assert "" in [request.query["known"] for request in lists.requests[requests:]]


@pytest.mark.invariant(12)
async def test_a_list_that_is_named_before_it_is_sent_is_no_failure(make_cache, lists):
    cache = await make_cache()
    await lists.until_waiting()
    lists.extra_uris.append(lists.uri("b"))
    await lists.revoke("a", 7)
    await until(cache, lambda: "changed" in cache._metrics.outcomes)
    lists.extra_uris.clear()
    await lists.put("b")
    await until(cache, lambda: lists.uri("b") in cache._lists)


@pytest.mark.invariant(12)
async def test_a_list_that_is_never_sent_is_a_failure_and_its_tokens_are_not_called_unknown(make_cache, lists):
    lists.extra_uris.append(lists.uri("b"))
    cache = await make_cache()
    assert cache._metrics.outcomes[0] == "bad_document"
    assert await ask(cache, lists.uri("b")) == "cannot know"
    assert await ask(cache, lists.uri("a")) == "good"


@pytest.mark.invariant(12)
async def test_a_token_may_not_name_a_list_that_the_issuer_does_not_have(make_cache, lists):
    cache = await make_cache()
    await lists.until_waiting()
    requests = len(lists.requests)
    answers = await asyncio.gather(*(ask(cache, lists.uri(f"none-{n}")) for n in range(50)))
    assert set(answers) == {"status_list"}
    assert len([r for r in lists.requests[requests:] if "Prefer" not in r.headers]) == 1
    assert await ask(cache, "https://evil.example/status-lists/a") == "status_list"
    assert await ask(cache, lists.uri("a"), 8 * LIST_BYTES) == "status_index"
    assert await ask(cache, lists.uri("a"), 8 * LIST_BYTES - 1) == "good"


@pytest.mark.invariant(12)
async def test_a_list_that_is_new_is_found_by_one_refresh(make_cache, lists):
    cache = await make_cache()
    lists.status = 503
    lists.cut()
    await until(cache, lambda: "unreachable" in cache._metrics.outcomes)
    await lists.put("b")
    lists.status = 200
    assert await ask(cache, lists.uri("b")) == "good"


@pytest.mark.invariant(8)
async def test_while_the_feed_cannot_be_read_known_lists_decide_and_others_cannot_be_known(make_cache, lists):
    await lists.revoke("a", 3)
    cache = await make_cache()
    lists.status = 404
    lists.cut()
    await until(cache, lambda: "unreachable" in cache._metrics.outcomes)
    assert await ask(cache, lists.uri("a")) == "good"
    assert await ask(cache, lists.uri("a"), 3) == "revoked"
    assert await ask(cache, lists.uri("b")) == "cannot know"


@pytest.mark.invariant(12)
@pytest.mark.parametrize(("strict", "answer"), [(False, "good"), (True, "cannot know")])
async def test_beyond_the_stale_bound_the_guard_says_so_and_is_strict_if_told(make_cache, lists, strict, answer):
    await lists.revoke("a", 3)
    cache = await make_cache(strict=strict)
    lists.status = 404
    lists.cut()
    await until(cache, lambda: "unreachable" in cache._metrics.outcomes)
    assert (await cache.readiness()).impaired is False
    cache._clock.added = 1001
    readiness = await cache.readiness()
    assert (readiness.ready, readiness.impaired) == (True, True)
    assert cache.age_seconds >= 1001
    assert await ask(cache, lists.uri("a")) == answer
    assert await ask(cache, lists.uri("a"), 3) == "revoked"
    lists.status = 200
    await until(cache, lambda: not cache._state.failures)
    assert await ask(cache, lists.uri("a")) == "good"
    assert (await cache.readiness()).impaired is False


async def test_an_issuer_without_lists_is_asked_once_and_references_say_nothing(make_cache, issuer):
    cache = await make_cache()
    assert cache._metrics.outcomes == ["no_feed"]
    assert await ask(cache, f"{issuer.url}/elsewhere/a") == "good"
    assert cache.allow(StatusReference("https://evil.example/a", 1))
    assert (await cache.readiness()).note == "the issuer has no status lists"
    assert math.isnan(cache.age_seconds)


async def test_the_plain_aggregation_of_another_issuer_is_not_followed(make_cache, lists):
    lists.body = json.dumps({"status_lists": [lists.uri("a")]}).encode()
    cache = await make_cache()
    assert cache._metrics.outcomes == ["no_feed"]
    assert await ask(cache, lists.uri("a")) == "good"


@pytest.mark.invariant(12)
async def test_a_feed_that_becomes_a_plain_aggregation_ends_nothing(make_cache, lists):
    await lists.revoke("a", 7)
    cache = await make_cache()
    await lists.until_waiting()
    lists.body = json.dumps({"status_lists": [lists.uri("a")]}).encode()
    await lists.put("a")
    await until(cache, lambda: "bad_document" in cache._metrics.outcomes)
    assert await ask(cache, lists.uri("a")) == "revoked"


@pytest.mark.invariant(11)
async def test_an_issuer_that_was_upgraded_after_the_guard_is_followed_from_its_first_reference_on(
    make_cache, issuer, signing_key
):
    cache = await make_cache()
    lists = LocalStatusLists(signing_key)
    issuer.advertise(lists)
    await lists.revoke("a", 7)
    assert await ask(cache, lists.uri("a")) == "revoked"
    assert await ask(cache, lists.uri("a"), 8) == "good"


@pytest.mark.invariant(12)
async def test_metadata_that_no_longer_name_the_lists_end_nothing(make_cache, issuer, lists):
    await lists.revoke("a", 7)
    cache = await make_cache()
    del issuer.metadata["status_list_aggregation_endpoint"]
    lists.status = 404
    lists.cut()
    await until(cache, lambda: cache._state.failures > 1)
    assert await ask(cache, lists.uri("a")) == "revoked"
    assert await ask(cache, lists.uri("b")) == "cannot know"


async def test_a_configured_address_is_used_whatever_the_metadata_say(make_cache, issuer, lists):
    issuer.metadata = None
    cache = await make_cache(configured=f"{issuer.url}/status-lists")
    assert await ask(cache, lists.uri("a")) == "good"


@pytest.mark.invariant(8)
async def test_started_while_the_feed_is_away_it_can_tell_nothing_and_recovers_by_itself(make_cache, lists):
    lists.status = 503
    cache = await make_cache()
    assert await ask(cache, lists.uri("a")) == "cannot know"
    assert (await cache.readiness()).impaired is True
    lists.status = 200
    await until(cache, lambda: cache._state.is_loaded)
    assert await ask(cache, lists.uri("a")) == "good"


@pytest.mark.invariant(12)
async def test_an_answer_beyond_its_bound_is_not_read(make_cache, lists, monkeypatch):
    monkeypatch.setattr("mcp_service.status_lists.feed_fetcher.MAX_FEED_BYTES", 100)
    cache = await make_cache()
    assert cache._metrics.outcomes[0] == "unreachable"
    assert cache._lists == {}
