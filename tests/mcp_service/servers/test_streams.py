"""Streams arrive as they are made, and a client that goes away takes its tool with it."""

import asyncio

import pytest

from tests.mcp_service import slow_server
from tests.mcp_service.conftest import LEGACY, modern, rpc

SLOW = "tests.mcp_service.slow_server"


@pytest.fixture
async def service(make_service):
    slow_server.watch.reset()
    return await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes")


def call(wire, tool):
    """The body and the headers of a call that wants to hear of progress."""
    meta = {"progressToken": "p"}
    if wire == "legacy":
        return rpc("tools/call", {"name": tool, "_meta": meta}), LEGACY
    body, headers = modern("tools/call", {"name": tool, "arguments": {}})
    body["params"]["_meta"] |= meta
    return body, headers


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_progress_arrives_while_the_tool_is_still_at_work(service, wire):
    body, headers = call(wire, "report")
    async with service.session.post(
        service.url, json=body, headers={**headers, **service.auth(scope="slow:use")}
    ) as answer:
        assert answer.content_type == "text/event-stream"
        seen = ""
        async with asyncio.timeout(10):
            while "half way" not in seen:
                seen += (await answer.content.readany()).decode()
        assert "reported" not in seen
        slow_server.watch.go_on.set()
        seen += (await answer.read()).decode()
    assert seen.index("half way") < seen.index("done") < seen.index("reported")


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_a_stream_carries_what_every_answer_carries(service, wire):
    slow_server.watch.go_on.set()
    body, headers = call(wire, "report")
    answer = await service.session.post(service.url, json=body, headers={**headers, **service.auth(scope="slow:use")})
    await answer.read()
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["X-Request-Id"]
    assert "no-transform" in answer.headers["Cache-Control"]


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_a_client_that_goes_away_cancels_its_tool(service, wire):
    body, headers = call(wire, "wait_for_ever")
    going = asyncio.create_task(
        service.session.post(service.url, json=body, headers={**headers, **service.auth(scope="slow:use")})
    )
    async with asyncio.timeout(10):
        await slow_server.watch.started.wait()
        going.cancel()
        if going.done():
            going.result().close()
        await slow_server.watch.cancelled.wait()
        await asyncio.gather(going, return_exceptions=True)


async def test_a_client_that_goes_away_as_its_tool_ends_is_one_line_at_info_level(service):
    """interop.md F32: SDK clients do so by themselves."""
    body, headers = call("2026-07-28", "report")
    service.logs.clear()
    for _ in range(10):
        slow_server.watch.reset()
        going = await service.session.post(
            service.url, json=body, headers={**headers, **service.auth(scope="slow:use")}
        )
        await going.content.readany()
        going.close()
        slow_server.watch.go_on.set()
        async with asyncio.timeout(10):
            while not service.logs:  # noqa: ASYNC110 - the log line is the event
                await asyncio.sleep(0)
        [line] = service.logs
        # Whether the server has seen the client leave by then is a matter of turns of the event loop.
        assert (line["event"], line["log_level"]) == ("request", "info")
        service.logs.clear()


async def test_the_end_of_the_service_cancels_tools_at_work(service):
    body, headers = call("2026-07-28", "wait_for_ever")
    going = asyncio.create_task(
        service.session.post(service.url, json=body, headers={**headers, **service.auth(scope="slow:use")})
    )
    async with asyncio.timeout(20):
        await slow_server.watch.started.wait()
        service._server.runner._shutdown_timeout = 0.1
        await service.stop()
        await slow_server.watch.cancelled.wait()
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)


async def test_a_stream_that_only_listens_ends_when_the_service_is_about_to_stop(service):
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    async with (
        asyncio.timeout(10),
        service.session.post(service.url, json=body, headers={**headers, **service.auth(scope="slow:use")}) as answer,
    ):
        assert answer.content_type == "text/event-stream"
        assert b"acknowledged" in await answer.content.readany()
        await service.app.shutdown()
        await answer.read()


async def test_calls_in_progress_do_not_fill_the_bound_of_their_network(make_service):
    slow_server.watch.reset()
    service = await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes", max_connections_per_network=8)
    body, headers = call("2026-07-28", "report")
    headers = {**headers, **service.auth(scope="slow:use")}
    async with asyncio.timeout(20):
        answers = [await service.session.post(service.url, json=body, headers=headers) for _ in range(12)]
        async with service.session.get(f"{service.root}/livez") as alive:
            assert alive.status == 200
        slow_server.watch.go_on.set()
        assert all([b"reported" in await answer.read() for answer in answers])
