"""Lists of a server over HTTP are filtered where the operator wants that, and pass as they are otherwise."""

import asyncio
import json

import aiohttp
import pytest

from tests.mcp_service.servers.http_upstream.conftest import Caller, rpc
from tests.support.raw_upstream import EVENTS_HEAD, LAST_CHUNK, chunk, event, http

SCOPES = json.dumps(
    {"scopes": {"use": "Use", "admin": "Do"}, "default": "use", "tools": {"allowed": "use", "forbidden": "admin"}}
)
SPELLED = b'{"jsonrpc":"2.0", "id":1,  "result":{"tools":[{"name":"allowed"},{"name":"forbidden"},{"name":"new"}]}}'


@pytest.fixture(params=["json", "events"])
def listing(request, upstream):
    async def answer(_request, writer):
        if request.param == "json":
            writer.write(http("200 OK", SPELLED, "Content-Type: application/json"))
        else:
            writer.write(EVENTS_HEAD + chunk(b"data: " + SPELLED[:50]) + chunk(SPELLED[50:] + b"\n\n") + LAST_CHUNK)

    upstream.answer = answer


async def listed(service):
    async with Caller(service, scope="use").post(rpc("tools/list")) as response:
        assert response.status == 200
        return await response.read()


async def test_a_filtered_list_has_what_the_token_covers(make_guard, listing):
    received = await listed(await make_guard(scopes=SCOPES, list_filter="granted"))
    assert b"allowed" in received
    assert b"forbidden" not in received


async def test_an_unfiltered_list_passes_byte_by_byte_and_undeclared_tools_are_reported(make_guard, listing):
    service = await make_guard(scopes=SCOPES)
    assert (await listed(service)).removeprefix(b"data: ").strip() == SPELLED
    assert "tool_not_in_scope_map" in {entry["event"] for entry in service.logs}


async def test_a_resumed_stream_repeats_no_list_unfiltered(make_guard, upstream):
    async def answer(_request, writer):
        writer.write(EVENTS_HEAD + chunk(event(json.loads(SPELLED))) + LAST_CHUNK)

    upstream.answer = answer
    service = await make_guard(scopes=SCOPES, list_filter="granted")
    async with Caller(service, scope="use").get({"Last-Event-ID": "1"}) as response:
        assert b"forbidden" not in await response.read()


@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_a_filtered_list_that_cannot_be_read_is_502(make_guard, upstream, coding):
    async def answer(_request, writer):
        writer.write(http("200 OK", b"\x1f\x8b", "Content-Type: application/json", f"Content-Encoding: {coding}"))

    upstream.answer = answer
    service = await make_guard(scopes=SCOPES, list_filter="granted")
    async with Caller(service, scope="use").post(rpc("tools/list", request_id=9)) as response:
        message = await response.json()
        assert (response.status, message["id"]) == (502, 9)


async def test_a_stream_whose_list_cannot_be_read_is_broken_off(make_guard, upstream):
    async def answer(request, writer):
        writer.write(EVENTS_HEAD + chunk(b"data: {forbidden\n\n"))
        await request.left.wait()

    upstream.answer = answer
    service = await make_guard(scopes=SCOPES, list_filter="granted")
    async with asyncio.timeout(10), Caller(service, scope="use").post(rpc("tools/list")) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        await upstream.requests[0].left.wait()
    assert service.errors()[-1]["error_id"] == "list_answer"
