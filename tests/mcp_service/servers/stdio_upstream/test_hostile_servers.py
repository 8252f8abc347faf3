"""Commands that misbehave: by mistake, under load, or on purpose."""

import asyncio
import json
from typing import Any

import pytest
import structlog
import structlog.testing

from mcp_service.servers.server_lifespan import SupervisedApplication
from mcp_service.servers.stdio_upstream import child, stderr_log
from mcp_service.servers.stdio_upstream.connection import ProcessConnection
from shared.http.health import Readiness
from tests.mcp_service.servers.stdio_upstream.conftest import WIRES, content, eventually, metrics


def entries(client, event):
    return [entry for entry in client.service.logs if entry["event"] == event]


async def ended(client):
    """The log line of the process that has ended."""

    async def look():
        return entries(client, "upstream_ended")

    return (await eventually(look))[0]


async def started_again(client):
    """What the process that was started after a failure has seen."""

    async def look():
        answer = await client.tool("seen")
        return answer if answer.status == 200 else None

    return await eventually(look)


async def test_lines_that_are_no_messages_are_skipped_and_logged_once(client):
    assert await client.text("noise") == "after noise"
    [line] = entries(client, "upstream_noise")
    assert line["line"] == "starting up..."


MALFORMED = [
    {},
    {"result": None},
    {"result": []},
    {"result": {}, "error": {"code": 1, "message": "both"}},
    {"error": None},
    {"error": {"code": "x", "message": "m"}},
    {"error": {"code": True, "message": "m"}},
    {"error": {"code": 1}},
]


@pytest.mark.parametrize("wire", WIRES)
async def test_a_malformed_answer_is_an_error_for_its_request_only(client, wire):
    for message in MALFORMED:
        answer = await content(await client.tool("malformed", {"message": message}, wire=wire))
        assert answer["error"] == {"code": -32603, "message": "The server gave a malformed answer."}
    assert await client.json("echo")


@pytest.mark.parametrize("tools", [None, [1], [{"name": "a", "_meta": None}]])
async def test_a_malformed_list_of_tools_is_an_error(make_client, tools):
    client = await make_client("tools", json.dumps({"tools": tools}).replace(" ", ""))
    answer = await content(await client.post("tools/list"))
    assert answer["error"] == {"code": -32603, "message": "The server gave a malformed answer."}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_crash_is_an_error_for_the_calls_in_flight_and_the_call_is_not_repeated(client, quick_restarts, wire):
    async with asyncio.timeout(20):
        answer = await client.tool("exit", wire=wire)
        assert answer.status == 502
        error = (await content(answer))["error"]
        assert error["code"] == -32000
        assert error["data"]["error"] == "bad_gateway"
        assert (await content(answer))["id"] == 1
        line = await ended(client)
        assert (line["reason"], line["exit_code"], line["log_level"]) == ("exit", 3, "warning")
        assert '"exit"' not in (await content(await started_again(client)))["result"]["content"][0]["text"]
    assert client.service.errors()[0]["error_id"] == "upstream_gone"


async def test_after_a_failure_the_next_start_waits(client, slow_restarts):
    await client.tool("exit")
    again = await client.tool("echo")
    assert again.status == 503
    assert 20 < int(again.headers["Retry-After"]) <= 30


async def test_a_crash_ends_a_stream_that_has_begun_with_an_error(client):
    async with asyncio.timeout(20):
        held = await client.tool("hold", {"name": "a"}, meta={"progressToken": "p"})
        await client.tool("exit", sub="bob")
        error = (await content(held))["error"]
    assert held.status == 200
    assert error == {
        "code": -32000,
        "message": "The server ended before it answered. Whether the operation took effect is unknown.",
    }


async def test_a_listener_is_told_to_listen_again_when_the_process_ends(client):
    async with asyncio.timeout(20):
        stream = await client.post("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
        await client.tool("exit")
        assert '"result"' in (await stream.read()).decode()


async def test_a_line_beyond_the_bound_ends_the_process(make_client):
    client = await make_client(upstream_max_line_bytes=1 << 20)
    async with asyncio.timeout(30):
        answer = await client.tool("huge", {"mebibytes": 100})
        assert answer.status == 502
        line = await ended(client)
    assert line["reason"] == "output"
    assert line["log_level"] == "warning"


async def test_a_line_within_the_bound_passes_whole(make_client):
    client = await make_client(upstream_max_line_bytes=16 << 20)
    text = "x" * 200_000
    assert (await client.json("echo", {"text": text}))["arguments"]["text"] == text
    assert await client.text("huge", {"mebibytes": 12}) == "still here"


async def test_a_process_that_closes_its_output_is_ended(client):
    async with asyncio.timeout(20):
        answer = await client.tool("close_stdout")
        assert answer.status == 502
        assert (await ended(client))["reason"] == "exit"


@pytest.mark.parametrize(
    ("mode", "why"),
    [
        ("exits", "ended before it answered initialize"),
        ("old", "1999-01-01"),
        ("silent", "no answer to initialize in 0.5 s"),
    ],
)
async def test_a_command_that_does_not_become_a_server_is_503(make_client, mode, why):
    client = await make_client(mode, upstream_start_seconds=0.5)
    async with asyncio.timeout(20):
        answer = await client.tool("echo")
        assert answer.status == 503
        assert "Retry-After" in answer.headers
        assert why in client.service.errors()[0]["reason"]
        assert why not in await answer.text()
        assert (await ended(client))["reason"] == "start"


@pytest.mark.parametrize("wire", WIRES)
async def test_a_process_that_never_answers_is_given_up(make_client, wire):
    client = await make_client(upstream_silent_seconds=0.2)
    async with asyncio.timeout(20):
        answer = await client.tool("silent", wire=wire)
        assert answer.status == 504
        seen = await client.json("seen")
    [cancelled] = [m for m in seen if m.get("method") == "notifications/cancelled"]
    assert cancelled["params"]["reason"] == "no answer in time"


async def test_a_request_that_a_process_would_not_read_is_503(quick_ends, make_client):
    client = await make_client("deaf", upstream_max_line_bytes=1 << 16)
    text = "x" * 300_000
    async with asyncio.timeout(20):
        calls = [asyncio.create_task(client.tool("echo", {"text": text})) for _ in range(2)]
        [refused], [waiting] = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert refused.result().status == 503
        assert (await content(refused.result()))["error"]["code"] == -32000
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_requests_to_the_client_are_refused_and_logged_once_in_all(client):
    for method in ("sampling/createMessage", "elicitation/create", "roots/list"):
        refusal = await client.json("ask", {"methods": [method] * 50})
        assert refusal["id"] == "ask-0"
        assert refusal["error"]["code"] == -32601
    [line] = entries(client, "upstream_request_refused")
    assert line["method"] == "sampling/createMessage"


async def test_a_ping_of_the_process_is_answered(client):
    assert (await client.json("ask", {"methods": ["ping"]}))["result"] == {}


async def test_standard_error_is_logged_within_bounds(client):
    await client.text("flood_stderr", {"lines": 20_000})
    async with asyncio.timeout(20):
        await client.service.stop()
    lines = [entry["line"] for entry in entries(client, "upstream_stderr")]
    assert lines[:2] == ["line 0", "line 1"]
    assert len(lines) < 200
    assert max(map(len, lines)) <= 500
    suppressed = sum(entry["lines"] for entry in entries(client, "upstream_stderr_suppressed"))
    assert suppressed + len(lines) == 20_002


@pytest.mark.parametrize("wire", WIRES)
async def test_a_fault_in_reading_ends_the_process_and_is_logged_and_counted(
    make_client, quick_restarts, wire, monkeypatch
):
    client = await make_client()
    held = asyncio.create_task(client.tool("hold", {"name": "a"}, wire=wire))
    assert await client.json("echo")
    with monkeypatch.context() as patched:
        patched.setattr(child, "event_from_wire", fail)
        async with asyncio.timeout(20):
            await client.tool("changed", wire=wire)
            assert (await held).status == 502
            line = await ended(client)
    assert (line["reason"], line["log_level"]) == ("fault", "warning")
    [failed] = entries(client, "upstream_output_failed")
    assert failed["exc_info"]
    async with asyncio.timeout(20):
        await started_again(client)
    assert (await metrics(client))['sallyport_upstream_process_ends_total{reason="fault"}'] == 1


async def test_after_a_fault_standard_error_is_still_read_and_the_fault_is_logged_and_counted(make_client, monkeypatch):
    client = await make_client(upstream_max_line_bytes=1 << 16)
    monkeypatch.setattr(stderr_log, "decide", fail)
    async with asyncio.timeout(20):
        # More than the pipe and the reader hold.
        assert await client.text("flood_stderr", {"lines": 100_000})
    [failed] = entries(client, "upstream_stderr_failed")
    assert failed["exc_info"]
    assert (await metrics(client))["sallyport_upstream_stderr_failures_total"] == 1


async def test_standard_error_is_read_to_its_end_even_if_the_log_fails():
    class FailingLog:
        info = exception = staticmethod(fail)

    log: Any = FailingLog()
    stream = asyncio.StreamReader()
    stream.feed_data(b"a line\n" * 1000)
    stream.feed_eof()
    with pytest.raises(ValueError, match="a fault of the guard"):
        await stderr_log.log_standard_error(stream, log, on_failure=lambda: None)
    assert stream.at_eof()


async def test_a_replica_whose_part_of_the_sdk_does_not_run_is_unready(make_client, monkeypatch):
    client = await make_client()
    monkeypatch.setattr(SupervisedApplication, "readiness", lambda _: Readiness(ready=False, note="it has failed"))
    async with client.service.session.get(f"{client.service.root}/readyz") as response:
        assert response.status == 503
        assert (await response.json())["checks"]["server"] == {"ready": False, "note": "it has failed"}


def fail(*_):
    raise ValueError("a fault of the guard")


async def ignore(_method, _params):
    pass


async def test_a_line_that_begins_like_a_message_is_not_quoted_in_the_log():
    """It may be the answer to a user, with a fault in its form."""

    class Process:
        def __init__(self):
            self.lines = [b'{"jsonrpc": "2.0", "id": 6.0, "result": {"secret": "of a user"}}\n']

        async def read_line(self):
            return self.lines.pop() if self.lines else None

        def write_line(self, line):
            raise AssertionError("nothing is answered")

    with structlog.testing.capture_logs() as logs:
        await ProcessConnection(Process(), on_notification=ignore, log=structlog.get_logger()).run()
    [entry] = [entry for entry in logs if entry["event"] == "upstream_noise"]
    assert entry["line"] == "{…"


async def test_lines_that_have_arrived_leave_other_requests_their_turn():
    class Flooding:
        left = 10_000

        async def read_line(self):
            self.left -= 1
            return b"noise\n" if self.left else None

        def write_line(self, line):
            raise AssertionError("nothing is answered")

    connection = ProcessConnection(Flooding(), on_notification=ignore, log=structlog.get_logger())
    reading, turns = asyncio.create_task(connection.run()), 0
    while not reading.done():
        turns += 1
        await asyncio.sleep(0)
    assert turns > 100
