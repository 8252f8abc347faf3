"""The cache of fetched documents: freshness, cooldown, refetch, last good copy, bounds."""

import asyncio

import pytest

from shared.errors import RequestRejected
from shared.fetch.document_cache import CachedDocument, DocumentCache, DocumentWithdrawn
from shared.fetch.ssrf_safe_client import FetchFailed, FetchNotAttempted

COOLDOWN = 60
FRESH = 300


class Clock:
    now = 1_800_000_000.0

    def __call__(self):
        return self.now


class Host:
    """Answers with a text, or fails with an exception."""

    def __init__(self):
        self.answer: str | Exception = "one"
        self.fetched: list[str] = []
        self.hang: asyncio.Event | None = None

    async def fetch(self, url):
        self.fetched.append(url)
        if self.hang is not None:
            await self.hang.wait()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, FRESH


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def host():
    return Host()


@pytest.fixture
def cache(host, clock):
    return DocumentCache(host.fetch, cooldown_seconds=COOLDOWN, max_entries=3, monotonic=clock)


async def test_a_refetch_of_a_fresh_document_waits_for_the_cooldown(cache, host, clock):
    await cache.get("a")
    host.answer = "two"
    clock.now += COOLDOWN - 1
    assert (await cache.get("a", refetch_after=COOLDOWN)).document.value == "one"
    clock.now += 1
    assert (await cache.get("a")).document.value == "one"
    assert (await cache.get("a", refetch_after=COOLDOWN)).document.value == "two"
    assert host.fetched == ["a", "a"]


async def test_a_refetch_can_wait_for_less_than_the_cooldown_that_follows_a_failure(cache, host, clock):
    await cache.get("a")
    clock.now += 1
    await cache.get("a", refetch_after=2)
    assert len(host.fetched) == 1
    clock.now += 1
    host.answer = FetchFailed("away")
    await cache.get("a", refetch_after=2)
    clock.now += COOLDOWN - 1
    await cache.get("a", refetch_after=2)
    assert len(host.fetched) == 2
    clock.now += 1
    await cache.get("a", refetch_after=2)
    assert len(host.fetched) == 3


async def test_a_failure_keeps_the_last_good_document_and_is_repeated_after_the_cooldown(cache, host, clock):
    await cache.get("a")
    host.answer = FetchFailed("away")
    clock.now += FRESH
    for _ in range(3):
        entry = await cache.get("a", refetch_after=COOLDOWN)
        assert (entry.document.value, entry.error) == ("one", host.answer)
    assert host.fetched == ["a", "a"]
    host.answer = "two"
    clock.now += COOLDOWN
    entry = await cache.get("a")
    assert (entry.document.value, entry.error) == ("two", None)


async def test_a_withdrawn_document_is_dropped(cache, host, clock):
    await cache.get("a")
    host.answer = DocumentWithdrawn("gone")
    clock.now += FRESH
    entry = await cache.get("a")
    assert (entry.document, entry.error) == (None, host.answer)
    assert cache.peek("a") is None


async def test_urls_that_fail_do_not_push_good_documents_out_and_both_are_bounded(cache, host):
    await cache.get("good")
    host.answer = FetchFailed("away")
    for n in range(10):
        await cache.get(f"bad-{n}")
    assert (await cache.get("good")).document.value == "one"
    assert host.fetched.count("good") == 1
    assert len(cache._failures) == 3


async def test_a_restored_copy_saves_a_fetch_while_it_is_fresh_and_stands_in_for_a_failing_host(host, clock):
    async def restore(_url):
        return CachedDocument("kept", clock() - FRESH / 2, clock() + FRESH / 2)

    cache = DocumentCache(host.fetch, restore=restore, cooldown_seconds=COOLDOWN, max_entries=3, monotonic=clock)
    assert (await cache.get("a")).document.value == "kept"
    assert host.fetched == []
    host.answer = FetchFailed("away")
    clock.now += FRESH
    entry = await cache.get("a")
    assert (entry.document.value, entry.error) == ("kept", host.answer)


async def test_a_held_document_serves_while_its_host_hangs(host, cache, clock):
    await cache.get("a")
    clock.now += 3600
    hang = asyncio.Event()
    host.hang = hang
    async with asyncio.timeout(3):
        entry = await cache.get("a")
    assert entry.document is not None
    assert entry.error is not None, "so that the caller's bound on stale copies applies"
    hang.set()


class Allowance:
    """Refuses the fetches of one caller, and counts those in progress."""

    def __init__(self):
        self.refuses = False
        self.in_progress = 0

    def begin(self):
        if self.refuses:
            raise RequestRejected("used up", error_id="limit")
        self.in_progress += 1
        return self.end

    def end(self):
        self.in_progress -= 1


@pytest.fixture
def allowance():
    return Allowance()


@pytest.fixture
def bounded(host, clock, allowance):
    return DocumentCache(
        host.fetch, begin_fetch=allowance.begin, cooldown_seconds=COOLDOWN, max_entries=3, monotonic=clock
    )


async def test_a_refused_fetch_is_no_failure_of_the_host(bounded, host, allowance):
    allowance.refuses = True
    with pytest.raises(RequestRejected):
        await bounded.get("a")
    allowance.refuses = False
    assert (await bounded.get("a")).document.value == "one", "another caller need not wait for a cooldown"
    assert (host.fetched, allowance.in_progress) == (["a"], 0)


async def test_a_caller_without_allowance_gets_the_copy_there_is(bounded, allowance, clock):
    await bounded.get("a")
    clock.now += FRESH
    allowance.refuses = True
    entry = await bounded.get("a")
    assert (entry.document.value, type(entry.error)) == ("one", FetchNotAttempted)


async def test_a_caller_without_allowance_may_wait_for_the_fetch_of_another(bounded, host, allowance):
    host.hang = asyncio.Event()
    first = asyncio.ensure_future(bounded.get("a"))
    await asyncio.sleep(0)
    allowance.refuses = True
    second = asyncio.ensure_future(bounded.get("a"))
    await asyncio.sleep(0)
    assert allowance.in_progress == 1
    host.hang.set()
    assert {(await entry).document.value for entry in (first, second)} == {"one"}
    assert allowance.in_progress == 0


async def test_a_fetch_that_had_no_turn_is_repeated_without_a_cooldown(bounded, host, allowance):
    host.answer = FetchNotAttempted("no turn")
    assert (await bounded.get("a")).document is None
    host.answer = "two"
    assert (await bounded.get("a")).document.value == "two"
    assert allowance.in_progress == 0
