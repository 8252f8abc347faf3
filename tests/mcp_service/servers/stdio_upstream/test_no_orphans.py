"""Whatever ends a process, nothing that it started remains: wrappers, forks, those in a session of their own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.mcp_service.servers.stdio_upstream.conftest import StdioClient, command, eventually
from tests.mcp_service.servers.stdio_upstream.test_hostile_servers import ended

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sessions of their own are followed on Linux only")

WRAPPERS = {
    "direct": "{}",
    "sh": "sh -c '{}; exit 0'",
    "npx-like": "sh -c 'sh -c \"{}; true\"; true'",
}


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in {b"Z", b"X"}
    except OSError:
        return False


async def gone(pids):
    """Wait until none of the processes lives."""

    async def look():
        return not any(map(is_alive, pids))

    return await eventually(look)


@pytest.fixture
def kill_all():
    """Processes that a failing test would leave."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("mode", ["", "stubborn"])
async def test_an_idle_end_leaves_nothing(quick_ends, make_client, kill_all, mode):
    client = await make_client(mode, upstream_process_idle_seconds=0.05)
    kill_all += await client.json("fork")
    assert (await ended(client))["reason"] == "idle"
    assert await gone(kill_all)


async def test_a_crash_leaves_nothing(client, kill_all):
    kill_all += await client.json("fork")
    await client.tool("exit")
    assert await gone(kill_all)


@pytest.mark.parametrize("wrapper", WRAPPERS)
async def test_the_end_of_the_service_leaves_nothing(quick_ends, make_service, kill_all, wrapper):
    client = StdioClient(await make_service(upstream_command=WRAPPERS[wrapper].format(command("stubborn"))))
    kill_all += await client.json("fork")
    async with asyncio.timeout(20):
        await client.service.stop()
    assert await gone(kill_all)


async def test_a_process_ended_for_its_output_leaves_nothing(make_client, kill_all):
    client = await make_client(upstream_max_line_bytes=1 << 16)
    kill_all += await client.json("fork")
    await client.tool("huge", {"mebibytes": 1})
    assert await gone(kill_all)


@pytest.mark.parametrize(
    ("wrapper", "number"), [("npx-like", signal.SIGTERM), *((wrapper, signal.SIGKILL) for wrapper in WRAPPERS)]
)
async def test_a_guard_that_is_ended_leaves_nothing(kill_all, wrapper, number):
    """With SIGKILL it can do nothing about it itself."""
    guard = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.mcp_service.servers.stdio_upstream.guard_process",
        WRAPPERS[wrapper].format(command("stubborn")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(30):
        kill_all += json.loads(await guard.stdout.readline())
        below = descendants(guard.pid)
        assert len(below) >= 4
        kill_all += below
        guard.send_signal(number)
        await guard.wait()
        assert await gone(kill_all)


async def test_a_launcher_that_is_killed_takes_the_command_along(client, kill_all):
    await client.text("echo")
    [launcher] = launchers()
    kill_all += [launcher, *children(launcher)]
    assert len(kill_all) == 2
    os.kill(launcher, signal.SIGKILL)
    assert await gone(kill_all)


def launchers():
    return [pid for pid in children(os.getpid()) if b"launcher.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def children(parent):
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_bytes().rpartition(b")")[2].split()
            if int(fields[1]) == parent:
                found.append(int(stat.parent.name))
    return found


def descendants(parent):
    found = children(parent)
    return found + [pid for child in found for pid in descendants(child)]
