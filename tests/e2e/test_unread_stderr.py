"""A standard error that is a full pipe, which nothing reads, stops neither the answers nor the exit of a service."""

import asyncio
import fcntl
import json
import os
import re

import aiohttp
import pytest

from tests.e2e.pair import Pair

pytestmark = pytest.mark.timeout(120)

REQUESTS = 6000
FURTHER_REQUESTS = 500
"""Enough to fill the pipe again."""
AT_ONCE = 16
SMALLEST_PIPE = 4096
DRAIN_SECONDS = 0.2


class Pipe:
    """A named pipe in the place of a log file, with the smallest buffer there is."""

    def __init__(self, path):
        os.mkfifo(path)
        self._end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        fcntl.fcntl(self._end, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)

    async def read_line_with(self, word):
        """Read all, until a line holds the word."""
        text = ""
        async with asyncio.timeout(20):
            while not (found := re.search(f"^.*{word}.*\n", text, re.MULTILINE)):
                try:
                    text += os.read(self._end, 65536).decode()
                except BlockingIOError:
                    await asyncio.sleep(0.001)
        return found[0]

    def close(self):
        os.close(self._end)


async def flood(http, service, requests):
    """Refused requests, each of which is logged with its reason."""
    remaining = iter(range(requests))

    async def send():
        for _ in remaining:
            async with http.get(f"http://127.0.0.1:{service.port}/nowhere") as answer:
                assert answer.status == 404

    async with asyncio.timeout(60):
        await asyncio.gather(*(send() for _ in range(AT_ONCE)))


async def dropped(http, service):
    async with http.get(f"http://127.0.0.1:{service.port}/metrics") as answer:
        return int(float(re.search(r"^sallyport_log_lines_dropped_total (\S+)", await answer.text(), re.MULTILINE)[1]))


@pytest.mark.parametrize(
    ("name", "log_format"),
    [
        ("auth", "json"),
        pytest.param("mcp", "console", marks=pytest.mark.long),
        pytest.param("auth", "console", marks=pytest.mark.long),
        pytest.param("mcp", "json", marks=pytest.mark.long),
    ],
)
async def test_a_service_whose_stderr_is_not_read_goes_on_and_stops_in_time(name, log_format):
    own = {f"{prefix}_LOG_FORMAT": log_format for prefix in ("AUTH", "MCP")}
    own |= {f"{prefix}_DRAIN_SECONDS": str(DRAIN_SECONDS) for prefix in ("AUTH", "MCP")}
    pair = Pair(own=own | {"AUTH_RATE_LIMITS": "off", "MCP_RATE_LIMITS": "off"})
    service = getattr(pair, name)[0]
    pipe = Pipe(service.log)
    try:
        await pair.start()
        timeout = aiohttp.ClientTimeout(total=10)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            await flood(http, service, REQUESTS)
            lost = await dropped(http, service)
            assert 0 < lost < REQUESTS
            line = await pipe.read_line_with("log_lines_dropped")
            assert (json.loads(line)["count"] if log_format == "json" else int(line.split("=")[1])) == lost
            await flood(http, service, FURTHER_REQUESTS)
        # In time: nothing has to be killed.
        assert await service.stop(timeout_seconds=8) == 0
    finally:
        await pair.close()
        pipe.close()
