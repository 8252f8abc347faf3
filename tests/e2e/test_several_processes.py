"""Two processes of each service on one port each: both answer, a killed one comes back, all stop in order."""

import asyncio
import contextlib
import json
import os
import signal
import time
from pathlib import Path

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.pair import Pair
from tests.e2e.person import Person
from tests.e2e.plain_client import PlainClient
from tests.e2e.timed_load import TimedLoad

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]


class Door:
    """One service of a pair, asked over a new connection each time: the kernel chooses the process."""

    def __init__(self, pair, service, http):
        self._pair, self.service, self.http = pair, service, http

    async def get(self, path, **headers):
        async with self.http.get(f"http://127.0.0.1:{self.service.port}{path}", headers=headers) as answer:
            return answer.status, await answer.text()

    async def processes(self):
        return {one["process"]: one for one in json.loads((await self.get("/readyz"))[1])["processes"]}

    async def metric(self, name):
        """The values of a metric without further labels, by process."""
        text = (await self.get("/metrics"))[1]
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return {int(sample.labels["process"]): sample.value for sample in samples if sample.name == name}

    async def until(self, what, wanted):
        """Wait for what is asked again and again to be as wanted."""
        async with asyncio.timeout(60):
            while await what() != wanted:  # noqa: ASYNC110 - it is the outside that is asked
                await asyncio.sleep(0.1)

    async def all_run(self):
        await self.until(lambda: self.metric("sallyport_process_up"), {0: 1.0, 1: 1.0})

    def logged(self, event):
        return [line for line in self._pair.log(self.service) if line["event"] == event]

    def pid_of(self, process):
        """The process that was started last in this place."""
        return [line["pid"] for line in self.logged("process_started") if line["process"] == process][-1]


@pytest.fixture(scope="module")
def manifold():
    """A pair of which each service is two processes. A test that stops one starts it again."""
    pair = Pair(own={"AUTH_PROCESSES": "2", "MCP_PROCESSES": "2"})
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        try:
            runner.run(pair.start())
            yield pair
        finally:
            runner.run(pair.close())


@pytest.fixture
async def doors(manifold):
    """The two doors of a pair of which every process runs."""
    pair = manifold
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True), timeout=timeout) as http:
        both = [Door(pair, service, http) for service in (pair.auth[0], pair.mcp[0])]
        for door in both:
            await door.all_run()
        yield pair, *both


def runs(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_both_processes_of_each_service_answer_and_are_ready_and_measured(doors):
    pair, *both = doors
    async with PlainClient(pair) as client, Person(pair.username, pair.password) as person:
        token = (await client.tokens(person))["access_token"]
        assert (await client.call_tool(token))[0] == 200
    for door, path in zip(both, ("/.well-known/jwks.json", "/.well-known/oauth-protected-resource"), strict=True):
        before = await door.metric("sallyport_http_request_seconds_count")
        assert set(before) == {0, 1}
        # Each new connection is one toss of a coin.
        async with asyncio.timeout(30):
            while {line["process"] for line in door.logged("request")} != {0, 1}:
                assert (await door.get(path))[0] == 200
        status, text = await door.get("/readyz")
        assert status == 200
        assert [one["ready"] for one in json.loads(text)["processes"]] == [True, True]


async def test_a_killed_process_comes_back_while_calls_go_on(doors):
    pair, auth, mcp = doors
    async with PlainClient(pair) as client, Person(pair.username, pair.password) as person:
        token = (await client.tokens(person))["access_token"]
        subject = await pair.subject_of(pair.username)
        kills = []
        async with TimedLoad(client, token, subject, clients=4) as load:
            for door in (auth, mcp):
                await load.further(40)
                killed = door.pid_of(1)
                began = time.monotonic()
                os.kill(killed, signal.SIGKILL)
                async with asyncio.timeout(30):
                    while not door.logged("process_ended"):  # noqa: ASYNC110 - a log of another process
                        await asyncio.sleep(0.02)
                kills.append((began, time.monotonic()))
                await door.all_run()
                assert door.pid_of(1) != killed
            await load.further(40)
    unexplained = [f for f in load.failed() if not any(f.began <= over and kill <= f.ended for kill, over in kills)]
    assert unexplained == []
    # One call of each client at most was in flight.
    assert len(load.failed()) <= 4
    (ended,) = mcp.logged("process_ended")
    assert (ended["process"], ended["status"], ended["again_in_seconds"]) == (1, -signal.SIGKILL, 1.0)


async def test_a_process_that_is_stuck_makes_the_service_not_ready_until_it_goes_on(doors):
    _pair, _auth, mcp = doors
    stuck = mcp.pid_of(0)
    os.kill(stuck, signal.SIGSTOP)
    try:
        # The stuck one answers nobody; a probe fails then as well.
        status, text = await patiently(mcp.get, "/readyz")
        assert status == 503
        told = {one["process"]: (one["runs"], one["ready"]) for one in json.loads(text)["processes"]}
        assert told == {0: (True, False), 1: (True, True)}
        assert await patiently(mcp.metric, "sallyport_process_up") == {0: 0.0, 1: 1.0}
    finally:
        os.kill(stuck, signal.SIGCONT)
    await mcp.all_run()
    assert (await mcp.get("/readyz"))[0] == 200


async def patiently(ask, *arguments):
    """Ask until the kernel chooses a process that answers."""
    async with asyncio.timeout(60):
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    return await ask(*arguments)


async def test_on_a_process_s_own_port_nothing_is_served_but_how_it_is(doors):
    _pair, auth, _mcp = doors
    (inside,) = own_ports(auth.pid_of(0)) - {auth.service.port}
    async with aiohttp.ClientSession() as http:
        statuses = {}
        for path in ("/livez", "/readyz", "/metrics", "/.well-known/jwks.json", "/authorize"):
            async with http.get(f"http://127.0.0.1:{inside}{path}") as answer:
                statuses[path] = answer.status
    assert statuses == {
        "/livez": 200,
        "/readyz": 200,
        "/metrics": 200,
        "/.well-known/jwks.json": 404,
        "/authorize": 404,
    }


def own_ports(pid):
    """The ports on which this process listens, all of them on the loopback address."""
    opened = {str(link.readlink()) for link in Path(f"/proc/{pid}/fd").iterdir()}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = [row[1].split(":") for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in opened]
    assert {address for address, _ in listening} == {"0100007F"}
    return {int(port, 16) for _, port in listening}


async def test_at_a_stop_every_process_answers_who_is_in_and_ends(doors):
    pair, auth, mcp = doors
    children = [door.pid_of(process) for door in (auth, mcp) for process in (0, 1)]
    async with auth.http.get(f"http://127.0.0.1:{auth.service.port}/.well-known/jwks.json") as answer:
        etag = answer.headers["ETag"]
    waiting = [
        asyncio.create_task(
            auth.get(
                "/.well-known/jwks.json",
                **{"If-None-Match": etag, "Prefer": "wait=60", "Sallyport-Replica": f"verifier-{number}"},
            )
        )
        for number in range(8)
    ]
    async with asyncio.timeout(60):
        # Those eight, and the two processes of mcp_service.
        while "10 of 10 mcp_service replicas" not in await pair.command("keys", "list"):
            pass
    assert await auth.service.stop() == 0
    assert {status for status, _ in await asyncio.gather(*waiting)} == {304}
    assert await mcp.service.stop() == 0
    assert [pid for pid in children if runs(pid)] == []
    await auth.service.start()
    await mcp.service.start()


async def test_when_the_parent_is_killed_its_processes_end_too(doors):
    _pair, _auth, mcp = doors
    children = [mcp.pid_of(process) for process in (0, 1)]
    await mcp.service.kill()
    async with asyncio.timeout(30):
        while any(map(runs, children)):  # noqa: ASYNC110 - they are no children of this process
            await asyncio.sleep(0.05)
    await mcp.service.start()
