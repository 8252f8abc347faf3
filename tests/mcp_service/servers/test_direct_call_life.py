"""A direct call from beginning to end: whose it is, what is executed, when it ends, and what it leaves behind."""

import asyncio
import time

import pytest

from mcp_service.guard import operation
from mcp_service.servers import answer_stream, endpoint
from tests.mcp_service import slow_server
from tests.mcp_service.conftest import LEGACY, rpc
from tests.mcp_service.servers import both_ways as both_ways_module
from tests.mcp_service.servers.both_ways import WIRES, both_ways, message
from tests.mcp_service.servers.every_answer import LEFT_BEHIND, build_server

SLOW = "tests.mcp_service.slow_server"
WIRE = pytest.mark.parametrize("wire", WIRES)


def call(wire, tool, **arguments):
    return message(wire, "tools/call", {"name": tool, "arguments": arguments})


@pytest.fixture
def quick_pings(monkeypatch):
    monkeypatch.setattr(answer_stream, "PING_SECONDS", 0.01)


@pytest.fixture
async def make_slow(make_service):
    slow_server.watch.reset()

    async def make(**changes):
        return await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes", **changes)

    return make


def left_tasks():
    return [task for task in asyncio.all_tasks() if task.get_name() == answer_stream.PINGS]


@WIRE
async def test_an_answer_that_takes_long_becomes_a_stream_with_pings(wire, quick_pings):
    async with both_ways(build_server()) as ways:
        answer = await ways.directly(*call(wire, "slow"))
    assert ways.was_direct
    assert answer.content_type == "text/event-stream"
    assert answer.body.count(b": ping\r\n\r\n") >= 2
    assert answer.messages[0]["result"]["content"][0]["text"] == "done at last"
    assert not left_tasks()


@WIRE
async def test_an_answer_in_json_mode_is_never_a_stream(wire, quick_pings):
    async with both_ways(build_server(), json_response=True) as ways:
        answer = await ways.directly(*call(wire, "slow"))
    assert ways.was_direct
    assert answer.content_type == "application/json"


@WIRE
async def test_a_tool_that_cancels_itself_is_an_error_and_not_a_broken_connection(wire):
    async with both_ways(build_server()) as ways:
        answer = await ways.directly(*call(wire, "give_up"))
        again = await ways.directly(*call(wire, "echo", text="hello"))
    assert answer.status == 200
    assert "error" in answer.messages[0]
    assert again.messages[0]["result"]["structuredContent"] == {"result": "hello"}


@WIRE
async def test_what_a_task_of_the_tool_sends_after_the_result_is_dropped(wire):
    body, headers = call(wire, "leave_behind")
    body["params"].setdefault("_meta", {})["progressToken"] = "p"
    async with both_ways(build_server()) as ways:
        try:
            answer = await ways.directly(body, headers)
            assert "result" in answer.messages[-1]
            again = await ways.directly(*call(wire, "echo", text="hello"))
            assert not LEFT_BEHIND[0].done(), "what is dropped is no error of the task"
        finally:
            for task in LEFT_BEHIND:
                task.cancel()
            LEFT_BEHIND.clear()
    assert len(again.messages) == 1


@WIRE
async def test_what_comes_first_after_the_result_begins_no_stream(wire):
    """Its bytes would be read as the answer to the next request of the connection."""
    body, headers = call(wire, "speak_too_late")
    body["params"].setdefault("_meta", {})["progressToken"] = "p"
    async with asyncio.timeout(10), both_ways(build_server()) as ways:
        answer = await ways.directly(body, headers)
        await LEFT_BEHIND.pop()
        again = await ways.directly(*call(wire, "echo", text="hello"))
    assert answer.content_type == "application/json"
    assert again.messages[0]["result"]["structuredContent"] == {"result": "hello"}


@WIRE
async def test_an_answer_leaves_no_timer_that_would_begin_pings(wire, quick_pings):
    async with both_ways(build_server()) as ways:
        answer = await ways.directly(*call(wire, "echo", text="hello"))
        await asyncio.sleep(0.03)
        assert not left_tasks()
    assert answer.content_type == "application/json"


@WIRE
async def test_what_is_executed_is_the_message_that_was_judged(wire, monkeypatch):
    """Not the bytes, of which another parser could make another message."""

    def read(body, headers):
        judged = operation.read_operation(body, headers)
        judged_message = dict(judged.message or {})
        judged_message["params"] = {**judged_message["params"], "arguments": {"text": "judged"}}
        return judged._replace(message=judged_message)

    monkeypatch.setattr(both_ways_module, "read_operation", read)
    async with both_ways(build_server()) as ways:
        answer = await ways.directly(*call(wire, "echo", text="sent"))
    assert ways.was_direct
    assert answer.messages[0]["result"]["structuredContent"] == {"result": "judged"}


@WIRE
async def test_concurrent_calls_keep_their_principals_apart(make_slow, wire):
    service = await make_slow()
    body, headers = call(wire, "who_later")

    async def of(user):
        auth = service.auth(scope="slow:use", sub=user)
        async with service.session.post(service.url, json=body, headers={**headers, **auth}) as answer:
            return (await answer.json())["result"]["content"][0]["text"]

    async with asyncio.timeout(10):
        going = [asyncio.create_task(of(user)) for user in ("alice", "bob", "carol")]
        await slow_server.watch.started.wait()
        await asyncio.sleep(0.05)
        slow_server.watch.go_on.set()
        texts = await asyncio.gather(*going)
    for user, text in zip(("alice", "bob", "carol"), texts, strict=True):
        assert text == ", ".join([f"{user} client-1 slow:use []"] * 2)


@WIRE
@pytest.mark.parametrize("json_response", [False, True], ids=["default", "json"])
@pytest.mark.invariant(12)
async def test_an_overdue_call_is_refused_and_its_tool_cancelled(make_slow, wire, json_response, monkeypatch):
    monkeypatch.setattr(endpoint, "ANSWER_SECONDS", 0.0)
    offset = 0.0
    service = await make_slow(json_response=json_response, clocks={"clock": lambda: time.time() + offset})
    expiry = int(time.time()) + 10
    auth = service.auth(scope="slow:use", exp=expiry)
    offset = expiry - 0.05 - time.time()
    body, headers = call(wire, "wait_for_ever")
    async with asyncio.timeout(10):
        answer = await service.session.post(service.url, json=body, headers={**headers, **auth})
        await slow_server.watch.cancelled.wait()
    assert answer.status == 401
    assert not left_tasks()


@WIRE
async def test_a_client_that_leaves_a_stream_of_pings_cancels_the_tool_and_leaves_nothing(
    make_slow, wire, quick_pings, monkeypatch
):
    service = await make_slow()
    body, headers = call(wire, "wait_for_ever")
    async with asyncio.timeout(10):
        answer = await service.session.post(
            service.url, json=body, headers={**headers, **service.auth(scope="slow:use")}
        )
        assert (await answer.content.readany()).startswith(b": ping\r\n\r\n")
        monkeypatch.setattr(answer_stream, "PING_SECONDS", 60.0)
        await asyncio.sleep(0.02)
        answer.close()
        await slow_server.watch.cancelled.wait()
        while left_tasks():  # noqa: ASYNC110 - the end of the task is the event
            await asyncio.sleep(0)


async def test_no_request_reaches_the_server_without_the_guard(make_slow):
    """Whichever of the two ways would answer it."""
    service = await make_slow()
    for method in ("tools/call", "initialize", "subscriptions/listen", "acme/total"):
        for version in ({"MCP-Protocol-Version": v} for v in (*WIRES, "2099-01-01")):
            body = rpc(method, {"name": "wait_for_ever"})
            answer = await service.session.post(service.url, json=body, headers={**LEGACY, **version})
            assert answer.status == 401, (method, version)
    assert not slow_server.watch.started.is_set()
