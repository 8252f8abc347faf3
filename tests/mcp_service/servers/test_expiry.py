"""The end of a stream and of an answer when the token expires (interop.md F28)."""

import asyncio
import time

import pytest

from tests.mcp_service import slow_server
from tests.mcp_service.conftest import LEGACY, modern, rpc

SLOW = "tests.mcp_service.slow_server"


@pytest.fixture
async def make_slow(make_service):
    slow_server.watch.reset()

    async def make(**changes):
        return await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes", **changes)

    return make


def soon(service):
    """The credential of a token that expires within two seconds."""
    return service.auth(scope="slow:use", exp=int(time.time()) + 2)


@pytest.mark.xfail(strict=True, reason="a stream outlives its token")
async def test_a_stream_that_only_listens_ends_when_its_token_expires(make_slow):
    service = await make_slow()
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with (
        asyncio.timeout(5),
        service.session.post(service.url, json=body, headers={**headers, **soon(service)}) as answer,
    ):
        assert b"acknowledged" in await answer.content.readany()
        await answer.read()


@pytest.mark.xfail(strict=True, reason="a stream outlives its token")
async def test_the_stream_of_a_session_ends_when_its_token_expires(make_slow):
    service = await make_slow(stateful=True)
    credential = soon(service)
    hello = rpc(
        "initialize",
        {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
    )
    async with asyncio.timeout(5):
        opened = await service.session.post(service.url, json=hello, headers={**LEGACY, **credential})
        session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}
        await opened.read()
        async with service.session.get(service.url, headers={**LEGACY, **credential, **session}) as stream:
            assert stream.status == 200
            await stream.read()
