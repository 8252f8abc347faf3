import asyncio
import time

import pytest
import structlog
from prometheus_client import CollectorRegistry

from mcp_service.jwks.document import parse_jwks
from mcp_service.status_lists.cache import StatusListMetrics
from mcp_service.status_lists.discovery import FeedDiscovery
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from mcp_service.status_lists.list_cache import ListCache
from mcp_service.status_lists.list_encoding import DRAFT_FORM, FEED_FORM
from mcp_service.status_lists.list_fetcher import ListAddresses, ListFetcher
from mcp_service.status_lists.list_token import ListReader
from mcp_service.status_lists.policy import StatusPolicy
from shared.access_tokens.profile import StatusReference
from shared.errors import ServiceUnavailable
from shared.jose.jws import InvalidToken
from tests.support.local_issuer import key_set
from tests.support.supervisor import new_supervisor


class Keys:
    """A VerificationKeyResolver that holds the keys it is given."""

    def __init__(self, *keys):
        self.keys = parse_jwks(key_set(*keys), algorithms=frozenset({"RS256"}))

    def held(self, kid):
        return self.keys.get(kid)

    async def find(self, unverified_kid):
        raise InvalidToken("kid", "not in the set")


class Clock:
    """Real time, and what a test adds to it."""

    def __init__(self):
        self.added = 0.0

    def __call__(self):
        return asyncio.get_running_loop().time() + self.added


class AnnouncingMetrics(StatusListMetrics):
    """Tells a test of every refresh."""

    def __init__(self, registry):
        super().__init__(registry)
        self.outcomes = []
        self.refreshed = asyncio.Event()

    def refresh(self, outcome):
        super().refresh(outcome)
        self.outcomes.append(outcome)
        self.refreshed.set()


async def ask(cache, uri, entry=7, lifetime=600):
    """What a token with this reference would meet."""
    try:
        await cache.check(StatusReference(uri, entry), lifetime=lifetime)
    except InvalidToken as refused:
        return refused.error_id
    except ServiceUnavailable as fault:
        return "cannot know" if "Retry-After" in fault.headers else "no time to come back is given"
    return "good"


async def until(cache, condition):
    """Wait for what a refresh in the background will bring about."""
    async with asyncio.timeout(10):
        while not condition():
            cache._metrics.refreshed.clear()
            await cache._metrics.refreshed.wait()


@pytest.fixture
async def make_cache(issuer, signing_key):
    opened = []

    async def make(*, configured=None, **policy):
        fetcher = FeedFetcher(FeedDiscovery(issuer=issuer.url, configured=configured), response_seconds=1)
        clock = Clock()
        cache = FeedCache(
            fetcher=fetcher,
            reader=ListReader(
                issuer=issuer.url,
                keys=Keys(signing_key),
                algorithms=frozenset({"RS256"}),
                form=FEED_FORM,
                clock=time.time,
            ),
            policy=StatusPolicy(**{"max_stale": 1000, "cooldown": 10, "strict": False} | policy),
            metrics=AnnouncingMetrics(CollectorRegistry()),
            log=structlog.get_logger(),
            clock=clock,
        )
        opened.append((cache, fetcher))
        await cache.start(new_supervisor())
        return cache

    yield make
    for cache, fetcher in opened:
        await cache.stop()
        await fetcher.close()


@pytest.fixture
async def make_list_cache(issuer, signing_key, list_server, monkeypatch):
    """A cache of lists by their addresses, which refreshes a list of the ttl 1 after a moment."""
    monkeypatch.setattr("mcp_service.status_lists.policy.MIN_TTL_SECONDS", 0.05)
    opened = []

    async def make(*, ttl=0.05, **policy):
        list_server.claims["ttl"] = ttl
        list_server.publish()
        fetcher = ListFetcher(ListAddresses([f"{list_server.url}/lists"]), response_seconds=1)
        cache = ListCache(
            fetcher=fetcher,
            reader=ListReader(
                issuer=issuer.url,
                keys=Keys(signing_key),
                algorithms=frozenset({"RS256"}),
                form=DRAFT_FORM,
                clock=time.time,
            ),
            policy=StatusPolicy(**{"max_stale": 1000, "cooldown": 10, "strict": False} | policy),
            metrics=AnnouncingMetrics(CollectorRegistry()),
            log=structlog.get_logger(),
            clock=Clock(),
        )
        opened.append((cache, fetcher))
        await cache.start(new_supervisor())
        return cache

    yield make
    for cache, fetcher in opened:
        await cache.stop()
        await fetcher.close()
