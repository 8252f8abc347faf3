"""The server is killed again and again under load: only the calls in flight fail, none is executed twice."""

import asyncio
import itertools
import sys

import pytest

from devstack.service_process import REPOSITORY
from tests.mcp_service.servers.http_upstream.conftest import Caller
from tests.support.raw_upstream import RawUpstream

WORKERS = 8
KILLS = 5


class KilledServer:
    def __init__(self, port, file):
        self.port, self.file = port, file

    async def start(self):
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.support.killed_upstream", str(self.port), str(self.file), cwd=REPOSITORY
        )
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                await asyncio.sleep(0.02)
            else:
                writer.close()
                return

    async def kill(self):
        self.process.kill()
        await self.process.wait()


@pytest.mark.long
async def test_only_calls_in_flight_fail_and_it_recovers_by_itself(make_service, tmp_path):
    raw = RawUpstream()
    await raw.start()
    await raw.stop()
    now = asyncio.get_running_loop().time
    server = KilledServer(raw.port, tmp_path / "executed")
    await server.start()
    service = await make_service(upstream=raw.url, rate_limits="off")
    caller = Caller(service)
    numbers = itertools.count(1)
    outcomes = []
    is_over = asyncio.Event()

    async def work():
        while not is_over.is_set():
            number, began = next(numbers), now()
            async with caller.call(request_id=number) as response:
                message = await response.json()
            assert message["id"] == number
            outcomes.append((number, began, now(), response.status, message))

    workers = [asyncio.create_task(work()) for _ in range(WORKERS)]
    down = []
    for _ in range(KILLS):
        await asyncio.sleep(0.6)
        killed = now()
        await server.kill()
        await asyncio.sleep(0.2)
        await server.start()
        down.append((killed, now()))
    await asyncio.sleep(0.6)
    is_over.set()
    await asyncio.gather(*workers)
    await server.kill()

    failed = [o for o in outcomes if o[3] != 200]
    assert failed
    for number, began, ended, status, message in failed:
        assert status == 502, message
        assert any(began <= up and killed <= ended for killed, up in down), (number, began, ended, down)
    assert {entry["error_id"] for entry in service.errors()} <= {"upstream_refused", "upstream_broken"}
    last_up = down[-1][1]
    assert all(status == 200 for _, began, _, status, _ in outcomes if began > last_up)
    assert sum(began > last_up for _, began, *_ in outcomes) > WORKERS
    executed = (tmp_path / "executed").read_text().split()
    assert len(executed) == len(set(executed))
    assert {str(o[0]) for o in outcomes if o[3] == 200} <= set(executed)
