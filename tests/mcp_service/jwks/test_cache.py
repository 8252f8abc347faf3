"""The key cache against an issuer over real HTTP. Time is the test's own where it decides."""

import asyncio
import gzip
import secrets
import time

import pytest
import structlog
from prometheus_client import CollectorRegistry

from mcp_service.issuer.refresh_state import RefreshPolicy
from mcp_service.jwks.cache import JwksCache, JwksMetrics
from mcp_service.jwks.discovery import JwksDiscovery
from mcp_service.jwks.fetcher import MAX_DOCUMENT_BYTES, JwksFetcher
from mcp_service.jwks.policy import Phase
from shared.clock_skew import ClockSkew
from shared.errors import ServiceUnavailable
from shared.jose.jws import InvalidToken
from tests.support.local_issuer import key_set, new_key
from tests.support.supervisor import new_supervisor

COOLDOWN = 10


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def make_cache(issuer, clock):
    opened = []

    async def make(*, start=True):
        fetcher = JwksFetcher(
            JwksDiscovery(issuer=issuer.url, configured=None),
            replica="replica-1",
            clock_skew=no_skew(),
            response_seconds=1,
        )
        cache = JwksCache(
            fetcher=fetcher,
            policy=RefreshPolicy(max_stale=1000, cooldown=COOLDOWN),
            algorithms=frozenset({"RS256", "ES256"}),
            metrics=AnnouncingMetrics(CollectorRegistry()),
            log=structlog.get_logger(),
            clock=clock,
        )
        opened.append((cache, fetcher))
        if start:
            await cache.start(new_supervisor())
        return cache

    yield make
    for cache, fetcher in opened:
        await cache.stop()
        await fetcher.close()


@pytest.fixture
async def cache(make_cache):
    return await make_cache()


def no_skew():
    return ClockSkew(CollectorRegistry(), structlog.get_logger(), reference="issuer", clock=time.time)


class AnnouncingMetrics(JwksMetrics):
    """Tells a test of every refresh."""

    def __init__(self, registry):
        super().__init__(registry)
        self.registry = registry
        self.refreshed = asyncio.Event()

    def refresh(self, outcome):
        super().refresh(outcome)
        self.refreshed.set()


async def until(cache, condition):
    """Wait for what a refresh in the background will bring about."""
    async with asyncio.timeout(10):
        while not condition():
            cache._metrics.refreshed.clear()
            await cache._metrics.refreshed.wait()


async def ask(cache, kid):
    """What a token with this kid would meet."""
    try:
        return await cache.find(kid)
    except InvalidToken:
        return "unknown"
    except ServiceUnavailable as fault:
        return "cannot know" if "Retry-After" in fault.headers else "no time to come back is given"


async def test_the_first_answer_is_there_when_the_start_is_over(cache, issuer):
    assert cache.held("key-1") is not None
    assert cache.phase is Phase.FRESH


async def test_the_replica_names_itself(cache, issuer):
    assert issuer.requests[0].headers["Sallyport-Replica"] == "replica-1"


@pytest.mark.invariant(8)
async def test_started_while_the_issuer_is_down_it_can_tell_nothing_and_recovers_by_itself(make_cache, issuer):
    port = int(issuer.url.rpartition(":")[2])
    await issuer.stop()
    cache = await make_cache()
    assert cache.held("key-1") is None
    assert await ask(cache, "key-1") == "cannot know"
    assert (await cache.readiness()).ready is False
    cache._clock.now += 1
    await issuer.start(port)
    await until(cache, lambda: cache.held("key-1") is not None)
    assert (await cache.readiness()).ready is True


async def test_an_unknown_kid_finds_a_key_that_was_published_meanwhile(cache, issuer, signing_key):
    new = new_key("key-2", "ES256")
    await issuer.publish(signing_key, new)
    assert (await cache.find("key-2")).kid == "key-2"


async def test_all_waiting_callers_share_one_request(cache, issuer, signing_key):
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    before = len(issuer.requests)
    found = await asyncio.gather(*(cache.find("key-2") for _ in range(50)))
    assert len({id(key) for key in found}) == 1
    assert len(issuer.requests) - before == 1


async def test_within_the_cooldown_unknown_kids_cause_no_request(cache, issuer, clock):
    assert await ask(cache, "nobody") == "unknown"
    before = len(issuer.requests)
    for n in range(20):
        assert await ask(cache, f"nobody-{n}") == "unknown"
    assert len(issuer.requests) == before
    clock.now += COOLDOWN
    assert await ask(cache, "nobody-else") == "unknown"
    assert len(issuer.requests) == before + 1


async def test_the_cooldown_holds_after_a_failure_too(cache, issuer, clock):
    issuer.status = 500
    assert await ask(cache, "nobody") == "cannot know"
    before = len(issuer.requests)
    for n in range(20):
        assert await ask(cache, f"nobody-{n}") == "cannot know"
    assert len(issuer.requests) == before


async def test_a_kid_once_found_unknown_is_remembered_beyond_the_cooldown(cache, issuer, clock):
    await ask(cache, "nobody")
    before = len(issuer.requests)
    clock.now += COOLDOWN + 1
    assert await ask(cache, "nobody") == "unknown"
    assert len(issuer.requests) == before


async def test_a_remembered_unknown_kid_is_found_once_it_is_published(cache, issuer, signing_key, clock):
    assert await ask(cache, "key-2") == "unknown"
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    clock.now += COOLDOWN
    assert await ask(cache, "somebody-else") == "unknown"
    assert cache.held("key-2") is not None


async def test_a_flood_of_forged_kids_costs_the_issuer_one_request_per_cooldown(cache, issuer, clock):
    """Issue 3: 10,000 tokens with random kids."""
    before = len(issuer.requests)
    for n in range(10_000):
        if n and n % 2500 == 0:
            clock.now += COOLDOWN
        assert await ask(cache, secrets.token_hex(8)) == "unknown"
    assert len(issuer.requests) - before == 4


BAD_ANSWERS = {
    "no JSON": {"body": b"<html>maintenance</html>"},
    "an empty set": {"body": b'{"keys": []}'},
    "a private key": {
        "body": b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "p", "d": "AA", "x": "AA", "y": "AA"}]}'
    },
    "a symmetric key": {"body": b'{"keys": [{"kty": "oct", "kid": "s", "k": "c2VjcmV0"}]}'},
    "oversized": {"body": b'{"keys": [], "pad": "' + b"x" * MAX_DOCUMENT_BYTES + b'"}'},
    "wrong content type": {"content_type": "text/html"},
    "an error": {"status": 500},
    "a redirect": {"status": 302, "headers": {"Location": "http://127.0.0.1:1/"}},
    "not found": {"status": 404},
    "no content": {"status": 204, "body": b""},
    "compressed": {"headers": {"Content-Encoding": "gzip"}, "body": gzip.compress(b"{}" * 1000)},
    "a slow drip": {"drips": True},
}


@pytest.mark.parametrize("answer", BAD_ANSWERS.values(), ids=BAD_ANSWERS)
async def test_a_bad_answer_never_replaces_a_good_set(cache, issuer, signing_key, clock, answer):
    good, before = cache.held("key-1"), len(issuer.requests)
    await issuer.publish(body=answer.get("body", key_set(new_key("evil", "ES256"))))
    for name in ("content_type", "status", "headers", "drips"):
        if name in answer:
            setattr(issuer, name, answer[name])
    assert await ask(cache, "evil") == "cannot know"
    assert cache.held("key-1") is good
    assert cache.held("evil") is None
    assert cache.phase is Phase.UNREACHABLE
    readiness = await cache.readiness()
    assert readiness.ready is True
    assert "unreachable" in readiness.note
    # The ETag of what was not taken is not ours: the issuer must not believe that we hold it.
    assert issuer.requests[before].headers["If-None-Match"] == '"1"'
    clock.now += COOLDOWN
    await ask(cache, "nobody")
    assert issuer.requests[-1].headers["If-None-Match"] == '"1"'


async def test_after_bad_answers_a_good_one_is_taken(cache, issuer, signing_key, clock):
    issuer.status = 503
    await ask(cache, "nobody")
    issuer.status = 200
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    clock.now += COOLDOWN
    assert (await cache.find("key-2")).kid == "key-2"
    assert cache.phase is Phase.FRESH


async def test_not_modified_without_a_sent_etag_is_an_error(make_cache, issuer):
    issuer.status = 304
    cache = await make_cache()
    assert cache.phase is Phase.EMPTY


@pytest.mark.invariant(8)
async def test_when_the_issuer_stays_away_the_trust_ends(cache, issuer, clock):
    """Then every call is 503, and so is readiness."""
    await issuer.stop()
    clock.now += 300 + 1000 - 1
    assert cache.held("key-1") is not None
    clock.now += 1
    assert cache.held("key-1") is None
    assert await ask(cache, "key-1") == "cannot know"
    readiness = await cache.readiness()
    assert (readiness.ready, "expired" in readiness.note) == (False, True)


async def test_a_change_reaches_a_long_poll_at_once(make_cache, issuer, signing_key):
    issuer.holds_back = True
    cache = await make_cache()
    await issuer.until_asked(2)
    assert issuer.requests[1].headers["Prefer"] == "wait=25"
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    await until(cache, lambda: cache.held("key-2") is not None)
    # The next request tells the issuer what is held now: its proof.
    await issuer.until_asked(3)
    assert issuer.requests[2].headers["If-None-Match"] == '"2"'


async def test_a_withdrawn_key_is_gone_as_soon_as_the_issuer_says_so(make_cache, issuer):
    issuer.holds_back = True
    cache = await make_cache()
    await issuer.until_asked(2)
    await issuer.publish(new_key("key-2", "ES256"))
    await until(cache, lambda: cache.held("key-1") is None)
    assert await ask(cache, "key-1") == "unknown"


async def test_a_key_that_stays_keeps_its_identity_through_a_change(make_cache, issuer, signing_key):
    issuer.holds_back = True
    cache = await make_cache()
    before = cache.held("key-1")
    await issuer.until_asked(2)
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    await until(cache, lambda: cache.held("key-2") is not None)
    assert cache.held("key-1") is before


async def test_a_long_poll_gives_way_to_a_caller_that_needs_an_answer_now(make_cache, issuer):
    issuer.holds_back = True
    cache = await make_cache()
    await issuer.until_asked(2)
    async with asyncio.timeout(5):
        assert await ask(cache, "nobody") == "unknown"
    assert "Prefer" not in issuer.requests[2].headers
    await issuer.until_asked(4)
    assert issuer.requests[3].headers["Prefer"] == "wait=25"


async def test_a_long_poll_that_breaks_is_taken_up_again(make_cache, issuer, signing_key, clock):
    issuer.holds_back = True
    cache = await make_cache()
    await issuer.until_asked(2)
    port = int(issuer.url.rpartition(":")[2])
    await issuer.stop()
    await until(cache, lambda: cache.phase is Phase.UNREACHABLE)
    assert cache.held("key-1") is not None
    await issuer.publish(signing_key, new_key("key-2", "ES256"))
    await issuer.start(port)
    clock.now += 60
    await until(cache, lambda: cache.held("key-2") is not None)
    while "Prefer" not in issuer.requests[-1].headers:
        await issuer.until_asked(len(issuer.requests) + 1)


async def test_an_issuer_that_does_not_hold_back_is_asked_by_the_clock(make_cache, issuer, clock):
    issuer.headers = {"Cache-Control": "public, max-age=120"}
    cache = await make_cache()
    await issuer.until_asked(2)
    assert issuer.requests[1].headers["Prefer"] == "wait=25"
    await until(cache, lambda: cache._long_polling.works is False)
    assert cache._state.max_age == 120
    clock.now += 121
    assert cache.phase is Phase.STALE
    assert cache.held("key-1") is not None


async def test_refreshes_are_counted_by_their_outcome(cache, issuer, clock):
    issuer.status = 500
    await ask(cache, "nobody")
    counts = {
        outcome: cache._metrics.registry.get_sample_value("sallyport_jwks_refreshes_total", {"outcome": outcome})
        for outcome in ("changed", "unreachable")
    }
    assert counts == {"changed": 1, "unreachable": 1}
    assert cache._metrics.registry.get_sample_value("sallyport_unknown_kids_total", {"outcome": "cannot_know"}) == 1


async def test_a_stop_ends_a_long_poll_and_its_waiting_callers(make_cache, issuer):
    issuer.holds_back = True
    cache = await make_cache()
    await issuer.until_asked(2)
    async with asyncio.timeout(5):
        await cache.stop()
    assert await ask(cache, "nobody") == "cannot know"


async def test_a_surprise_does_not_end_the_refreshing(make_cache, issuer, monkeypatch):
    cache = await make_cache()
    monkeypatch.setattr(cache, "_accept", lambda answer: 1 / 0)
    assert await ask(cache, "nobody") == "cannot know"
    monkeypatch.undo()
    cache._clock.now += COOLDOWN
    assert await ask(cache, "nobody") == "unknown"


async def test_the_address_that_the_issuer_names_is_used(make_cache, issuer):
    """Foreign issuers keep their keys elsewhere."""
    issuer.metadata = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/other/keys"}
    cache = await make_cache()
    assert cache.held("key-1") is not None
    assert issuer.requests[0].path == "/other/keys"


async def test_metadata_of_another_issuer_are_not_accepted(make_cache, issuer):
    """RFC 8414 section 3.3."""
    issuer.metadata = {"issuer": "https://evil.example", "jwks_uri": f"{issuer.url}/other/keys"}
    cache = await make_cache()
    assert cache.phase is Phase.EMPTY
    assert issuer.requests == []


async def test_after_a_failure_the_address_is_looked_for_again(make_cache, issuer, clock):
    issuer.metadata = {"issuer": issuer.url, "jwks_uri": f"{issuer.url}/gone"}
    cache = await make_cache()
    assert cache.phase is Phase.EMPTY
    issuer.metadata["jwks_uri"] = f"{issuer.url}/other/keys"
    await until(cache, lambda: cache.held("key-1") is not None)
