"""Processes start on demand, end when idle, and are bounded in number, memory and environment."""

import asyncio
import json
import os
import sys

import pytest

from mcp_service.servers.stdio_upstream.backoff import FORGOTTEN_SECONDS, LONGEST_SECONDS, MAX_KEYS, Backoff
from mcp_service.servers.stdio_upstream.command import Command
from mcp_service.servers.stdio_upstream.pool import ProcessPool
from shared.errors import Misconfigured
from tests.mcp_service.servers.stdio_upstream.conftest import command, content, eventually, metrics, read_event
from tests.mcp_service.servers.stdio_upstream.test_hostile_servers import ended, entries, started_again


async def pid(client, user="user-1"):
    return (await content(await client.tool("echo", sub=user)))["result"]["structuredContent"]["pid"]


async def test_no_process_runs_before_the_first_request_that_needs_one(client):
    assert (await metrics(client))["sallyport_upstream_processes"] == 0
    await client.post("ping", wire="legacy")
    assert (await metrics(client))["sallyport_upstream_processes"] == 0
    await client.text("echo")
    assert (await metrics(client))["sallyport_upstream_processes"] == 1


async def test_one_start_serves_all_who_wait_for_it(client):
    pids = await asyncio.gather(*(pid(client, f"user-{n}") for n in range(10)))
    assert len(set(pids)) == 1
    assert len(entries(client, "upstream_started")) == 1


async def test_a_client_that_leaves_during_the_start_does_not_end_it(client):
    first = asyncio.create_task(client.tool("echo", sub="first"))
    second = asyncio.create_task(client.tool("echo", sub="second"))
    async with asyncio.timeout(20):

        async def has_begun():
            return (await metrics(client))["sallyport_upstream_processes"] == 1

        await eventually(has_begun)
        first.cancel()
        assert (await second).status == 200
        await asyncio.gather(first, return_exceptions=True)
    assert len(entries(client, "upstream_started")) == 1


async def test_an_idle_process_is_ended_and_the_next_request_starts_another(make_client):
    client = await make_client(upstream_process_idle_seconds=0.05)
    first = await pid(client)
    assert (await ended(client))["reason"] == "idle"
    assert await pid(client) != first
    assert (await metrics(client))['sallyport_upstream_process_ends_total{reason="idle"}'] >= 1


async def test_a_process_with_a_listener_or_a_call_is_not_idle(make_client):
    client = await make_client(upstream_process_idle_seconds=0.05, upstream_per="user")
    async with asyncio.timeout(20):
        stream = await client.post("subscriptions/listen", {"notifications": {"toolsListChanged": True}}, sub="alice")
        await read_event(stream)
        # Another process has come and gone meanwhile.
        await pid(client, "bob")
        await ended(client)
        await client.tool("changed", sub="alice")
        assert (await read_event(stream))["method"] == "notifications/tools/list_changed"
        stream.close()


async def test_another_user_is_refused_while_all_processes_are_in_use(make_client):
    client = await make_client(upstream_per="user", upstream_max_processes=2)
    async with asyncio.timeout(20):
        held = [
            await client.tool("hold", {"name": "a"}, sub=user, meta={"progressToken": 1}) for user in ("alice", "bob")
        ]
        refused = await client.tool("echo", sub="carol")
        assert refused.status == 503
        assert refused.headers["Retry-After"] == "5"
        assert client.service.errors()[0]["error_id"] == "upstream_processes"
        # Those who have one go on.
        await client.text("release", {"names": ["a"]}, sub="alice")
        await held[0].read()
        # Alice's is idle now: it makes room.
        assert await pid(client, "carol")
        assert (await ended(client))["reason"] == "replaced"
        await client.text("release", {"names": ["a"]}, sub="bob")
        assert "released a" in await held[1].text()
    assert (await metrics(client))["sallyport_upstream_processes"] == 2


async def test_the_process_that_is_idle_longest_makes_room(make_client):
    client = await make_client(upstream_per="user", upstream_max_processes=2)
    before = {user: await pid(client, user) for user in ("alice", "bob")}
    await pid(client, "carol")
    assert await pid(client, "bob") == before["bob"]


async def test_many_users_at_once_never_exceed_the_bound(make_client):
    client = await make_client(upstream_per="user", upstream_max_processes=3)
    highest = 0

    async def watch():
        nonlocal highest
        while True:
            highest = max(highest, (await metrics(client))["sallyport_upstream_processes"])

    watching = asyncio.create_task(watch())
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*(client.tool("echo", sub=f"user-{n}") for n in range(12)))
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert {answer.status for answer in answers} <= {200, 503}
    assert highest <= 3


async def test_a_subject_that_no_environment_can_hold_is_503(make_client):
    client = await make_client(upstream_per="user")
    answer = await client.tool("echo", sub="a\0b")
    assert answer.status == 503
    assert client.service.errors()[0]["error_id"] == "upstream_start"
    assert (await metrics(client))["sallyport_upstream_processes"] == 0


async def test_failures_are_counted_and_restarts_too(client, quick_restarts):
    async with asyncio.timeout(20):
        await client.tool("exit")
        await started_again(client)
    counted = await metrics(client)
    assert counted['sallyport_upstream_process_ends_total{reason="exit"}'] == 1
    assert counted["sallyport_upstream_process_restarts_total"] == 1


async def test_a_failure_of_one_user_delays_no_other(make_client, slow_restarts):
    client = await make_client(upstream_per="user")
    await client.tool("exit", sub="eve")
    await ended(client)
    assert (await client.tool("echo", sub="eve")).status == 503
    assert (await client.tool("echo", sub="alice")).status == 200


async def test_readiness_says_that_the_shared_process_is_failing(client, slow_restarts):
    async def ready():
        async with client.service.session.get(f"{client.service.root}/readyz") as answer:
            shown = await answer.json()
            return "server" in shown["impaired"], shown["checks"]["server"]

    assert await ready() == (False, {"ready": True, "note": ""})
    await client.tool("exit")
    await ended(client)
    is_impaired, check = await ready()
    assert is_impaired
    assert check["ready"]
    assert "started again" in check["note"]


async def test_readiness_rounds_a_pause_up(client, monkeypatch):
    monkeypatch.setattr(ProcessPool, "failing_seconds", lambda *_: 0.3)
    async with client.service.session.get(f"{client.service.root}/readyz") as answer:
        assert (await answer.json())["checks"]["server"]["note"].endswith("it can be started again in 1 s")


async def test_readiness_says_that_the_program_has_gone(make_client, tmp_path):
    program = tmp_path / "server"
    program.symlink_to(sys.executable)
    client = await make_client(upstream_command=f"{program} x")
    program.unlink()
    async with client.service.session.get(f"{client.service.root}/readyz") as answer:
        assert answer.status == 503
        assert "not executable" in (await answer.json())["checks"]["server"]["note"]


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_DATA bounds private memory on Linux only")
async def test_a_process_has_no_more_memory_than_the_setting(make_client):
    client = await make_client(upstream_memory_mb=256)
    assert await client.text("allocate", {"mebibytes": 64}) == str(64 << 20)
    assert await client.text("allocate", {"mebibytes": 512}) == "no memory"


async def test_a_process_gets_no_secret_of_the_guard(make_client, monkeypatch):
    monkeypatch.setenv("MCP_SECRET", "of the guard")
    monkeypatch.setenv("AUTH_SECRET", "of the issuer")
    monkeypatch.setenv("API_KEY", "for the server")
    client = await make_client(upstream_environment=("API_KEY",))
    seen = await client.json("environment")
    assert seen["API_KEY"] == "for the server"
    assert seen["PATH"] == os.environ["PATH"]
    allowed = {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER", "LANG", "TMPDIR", "API_KEY", "LC_CTYPE"}
    assert set(seen) <= allowed


async def test_no_shell_reads_the_command(make_client, tmp_path):
    program = tmp_path / "a file; touch spoiled"
    program.symlink_to(command().split()[-1])
    text = f"{sys.executable} -I -S '{program}' '$(touch {tmp_path}/spoiled)' '*' ';'"
    client = await make_client(upstream_command=text)
    assert await client.json("echo")
    assert [path.name for path in tmp_path.iterdir()] == [program.name]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("no-such-program-anywhere --x", "MCP_UPSTREAM_COMMAND: no-such-program-anywhere is no executable file"),
        ("/etc/passwd", "MCP_UPSTREAM_COMMAND: /etc/passwd is no executable file"),
        ("http://127.0.0.1:3000/mcp", "for a server at a URL set MCP_UPSTREAM=http://127.0.0.1:3000/mcp"),
        ("./weather.py:server", "for an object of Python code set MCP_SERVER=./weather.py:server"),
        ("'unfinished", "MCP_UPSTREAM_COMMAND: No closing quotation"),
        ("   ", "MCP_UPSTREAM_COMMAND: names no program"),
    ],
)
def test_a_command_that_cannot_be_started_is_refused(text, why):
    with pytest.raises(Misconfigured, match=why):
        Command.from_text(text, passed=(), memory_bytes=0, environment=os.environ)


def test_a_variable_that_is_not_there_is_refused():
    with pytest.raises(Misconfigured, match="MCP_UPSTREAM_ENVIRONMENT: NO_SUCH is not in the environment"):
        Command.from_text("sh", passed=("NO_SUCH",), memory_bytes=0, environment={"PATH": os.environ["PATH"]})


def test_pauses_double_to_a_bound_and_are_forgotten():
    backoff = Backoff()
    pauses, now = [], 0.0
    for _ in range(8):
        pauses.append(backoff.failed("a", now))
        now += pauses[-1]
        assert backoff.remaining("a", now) == 0
    assert pauses == [1, 2, 4, 8, 16, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]
    assert backoff.remaining("b", now) == 0
    assert backoff.failed("a", now + FORGOTTEN_SECONDS + 1) == 1


def test_failures_of_many_users_are_remembered_within_a_bound():
    backoff = Backoff()
    for number in range(MAX_KEYS + 10):
        backoff.failed(number, 0.0)
    assert len(backoff._failures) == MAX_KEYS
    assert json.dumps(backoff.remaining(MAX_KEYS, 0.0)) == "1.0"
