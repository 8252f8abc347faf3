"""A start that fails closes what it has opened; a stop closes everything."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp.test_utils import TestServer
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

from mcp_service.app import build_app
from mcp_service.jwks.cache import JwksCache
from mcp_service.jwks.fetcher import JwksFetcher
from mcp_service.settings import McpSettings
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from shared.redis.single import SingleRedisClient
from tests.mcp_service.conftest import RESOURCE


@pytest.fixture
def closed(monkeypatch):
    """The names of what is closed, in order."""
    names = []
    for owner, method in (
        (FeedCache, "stop"),
        (FeedFetcher, "close"),
        (JwksCache, "stop"),
        (JwksFetcher, "close"),
        (SingleRedisClient, "close"),
    ):
        original = getattr(owner, method)

        async def close(self, *, _original=original, _name=owner.__name__):
            names.append(_name)
            await _original(self)

        monkeypatch.setattr(owner, method, close)
    return names


@pytest.fixture
def no_session_manager(monkeypatch):
    @asynccontextmanager
    async def run(_manager):
        raise RuntimeError("the session manager cannot start")
        yield

    monkeypatch.setattr(StreamableHTTPSessionManager, "run", run)


@pytest.fixture
def server(issuer, store_url):
    return TestServer(build_app(McpSettings(issuer=issuer.url, resource=RESOURCE, notes_redis_url=store_url)))


TASKS = {"jwks_refresh", "status_list_refresh", "server_lifespan"}
ALL = ["FeedCache", "FeedFetcher", "JwksCache", "JwksFetcher", "SingleRedisClient"]


async def test_a_stop_closes_everything_in_reverse_order(server, closed):
    await server.start_server()
    assert closed == []
    await server.close()
    assert closed == ALL


async def test_a_session_manager_that_does_not_start_leaves_nothing_open(no_session_manager, server, closed):
    with pytest.raises(RuntimeError, match="cannot start"):
        await server.start_server()
    assert closed == ALL
    assert not [task for task in asyncio.all_tasks() if task.get_name() in TASKS]


async def test_a_start_that_is_cancelled_leaves_nothing_open(server, closed, issuer, monkeypatch):
    started = asyncio.Event()

    async def never_done(_fetcher, **_request):
        started.set()
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(JwksFetcher, "fetch", never_done)
    starting = asyncio.create_task(server.start_server())
    await started.wait()
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert closed == ALL
    assert not [task for task in asyncio.all_tasks() if task.get_name() in TASKS]
