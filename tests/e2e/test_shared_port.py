"""Two replicas on one port with SO_REUSEPORT: both answer, and one goes on when the other stops."""

import asyncio

import aiohttp
import pytest

from devstack.service_process import ServiceProcess

pytestmark = pytest.mark.timeout(120)


async def fetch_keys(http, port):
    """The status of the key set over a new connection. One that the kernel resets at a stop is tried once more."""
    address = f"http://127.0.0.1:{port}/.well-known/jwks.json"
    try:
        async with http.get(address) as answer:
            return answer.status
    except (ConnectionResetError, aiohttp.ServerDisconnectedError):
        async with http.get(address) as answer:
            return answer.status


async def test_two_replicas_share_a_port_and_one_goes_on_when_the_other_stops(make_pair, tmp_path):
    pair = await make_pair(
        mcp=0, resource="http://localhost:1/mcp", own={"AUTH_REUSE_PORT": "true", "AUTH_RATE_LIMITS": "off"}
    )
    first = pair.auth[0]
    second = ServiceProcess(
        "auth_service 1",
        ["-m", "auth_service", "serve"],
        pair.auth_environment,
        host="127.0.0.1",
        port=first.port,
        log=tmp_path / "second.log",
    )
    second.spawn()
    try:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
            async with asyncio.timeout(60):
                # Each new connection goes to either of them.
                while not all('"event": "request"' in replica.log.read_text() for replica in (first, second)):
                    assert await fetch_keys(http, first.port) == 200
            stopping = asyncio.create_task(first.stop())
            while not stopping.done():
                assert await fetch_keys(http, first.port) == 200
            assert await stopping == 0
            assert [await fetch_keys(http, first.port) for _ in range(50)] == [200] * 50
    finally:
        assert await second.stop() == 0
