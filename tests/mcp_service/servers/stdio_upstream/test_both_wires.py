"""Clients of every protocol version reach a server that knows only the handshake of 2025."""

import asyncio
import json

import pytest

from tests.mcp_service.conftest import LEGACY, modern
from tests.mcp_service.servers.stdio_upstream.conftest import WIRES, content, message, read_event
from tests.mcp_service.servers.test_wires import connected

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("wire", [*WIRES, "auto"])
async def test_the_sdk_client_calls_a_tool(shared_client, wire):
    async with connected(shared_client.service, wire, scope="mcp:tools") as mcp:
        assert [tool.name for tool in (await mcp.list_tools()).tools] == ["echo"]
        result = await mcp.call_tool("echo", {"text": "hello"})
        assert json.loads(result.content[0].text)["arguments"] == {"text": "hello"}
        assert (await mcp.read_resource("test://a")).contents[0].text == "text"
        if wire != "2026-07-28":  # with a fixed version the client of the SDK asks for no introduction
            assert mcp.server_info.name == "test server"
            assert mcp.instructions == "Be kind."


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
async def test_each_older_version_is_negotiated_here(shared_client, version):
    params = {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}}
    answer = await shared_client.post("initialize", params, wire="legacy", headers={"MCP-Protocol-Version": version})
    result = (await content(answer))["result"]
    assert result["protocolVersion"] == version
    assert result["serverInfo"] == {"name": "test server", "version": "7"}
    assert result["capabilities"] == {"tools": {}, "resources": {}, "prompts": {}}


async def test_discovery_tells_what_the_process_said(shared_client):
    result = (await content(await shared_client.post("server/discover")))["result"]
    assert result["supportedVersions"] == ["2026-07-28"]
    assert result["capabilities"]["tools"] == {"listChanged": True}
    assert "logging" not in result["capabilities"]
    assert "tasks" not in result["capabilities"]
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"] == {"name": "test server", "version": "7"}
    assert result["instructions"] == "Be kind."
    assert result["resultType"] == "complete"


@pytest.mark.parametrize("wire", WIRES)
async def test_unknown_fields_of_either_side_survive(shared_client, wire):
    meta = {"vendor/key": {"a": None}, "traceparent": "00-1-2-01"}
    answer = await shared_client.post("tools/call", {"name": "echo", "vendor": [None]}, wire=wire, meta=meta)
    result = (await content(answer))["result"]
    assert json.loads(result["content"][0]["text"]) == {"name": "echo", "vendor": [None], "_meta": meta}
    assert result["vendor"] == [1, None]
    assert result["structuredContent"]["unknown"] is None
    assert result.get("resultType") == (None if wire == "legacy" else "complete")


async def test_the_envelope_of_the_newer_wire_stays_here(shared_client):
    assert "_meta" not in await shared_client.json("echo")


@pytest.mark.parametrize("key", ["sallyport/subject", "Sallyport/principal"])
async def test_a_client_cannot_speak_for_the_guard(shared_client, key):
    echoed = await shared_client.json("echo", meta={key: "admin", "kept": 1})
    assert echoed["_meta"] == {"kept": 1}


@pytest.mark.parametrize("wire", WIRES)
async def test_an_unknown_method_is_not_found(shared_client, wire):
    answer = await shared_client.post("no/such", wire=wire)
    assert answer.status == (200 if wire == "legacy" else 404)
    assert (await content(answer))["error"]["code"] == -32601


@pytest.mark.parametrize("wire", WIRES)
async def test_a_method_of_a_vendor_passes(shared_client, wire):
    result = (await content(await shared_client.post("vendor/method", {"a": 1}, wire=wire)))["result"]
    assert result["got"] == {"a": 1}


@pytest.mark.parametrize("wire", WIRES)
async def test_an_error_of_the_server_passes_as_it_is(shared_client, wire):
    error = (await content(await shared_client.tool("error", wire=wire)))["error"]
    assert error == {"code": -32050, "message": "no", "data": {"why": None}}


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("method", ["logging/setLevel", "resources/subscribe", "tasks/list", "notifications/cancelled"])
async def test_what_one_user_would_change_for_all_is_not_passed_on(shared_client, wire, method):
    answer = await shared_client.post(method, {"level": "debug", "uri": "test://a", "requestId": 7}, wire=wire)
    assert (await content(answer))["error"]["code"] == -32601
    assert method not in [m.get("method") for m in await shared_client.json("seen")]


async def test_ping_is_answered_here(shared_client):
    assert (await content(await shared_client.post("ping", wire="legacy")))["result"] == {}
    assert "ping" not in [m.get("method") for m in await shared_client.json("seen")]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_there_is_no_session_to_get_or_to_delete(shared_client, method):
    answer = await shared_client.service.session.request(
        method, shared_client.service.url, headers={**LEGACY, **shared_client.service.auth(scope="mcp:tools")}
    )
    assert answer.status == 405


async def test_a_posted_response_is_taken(shared_client):
    body = {"jsonrpc": "2.0", "id": "ask-0", "result": {"role": "assistant"}}
    answer = await shared_client.service.session.post(
        shared_client.service.url, json=body, headers={**LEGACY, **shared_client.service.auth(scope="mcp:tools")}
    )
    assert answer.status == 202


@pytest.mark.parametrize("wire", WIRES)
async def test_progress_arrives_while_the_tool_is_at_work(shared_client, wire):
    async with asyncio.timeout(20):
        answer = await shared_client.tool("hold", {"name": "a"}, wire=wire, meta={"progressToken": "mine"})
        assert answer.content_type == "text/event-stream"
        event = await read_event(answer)
        assert event["params"] == {"progressToken": "mine", "progress": 1, "message": "a"}
        await shared_client.tool("release", {"names": ["a"]})
        assert (await read_event(answer))["result"]["content"][0]["text"] == "released a"


async def test_the_tools_are_listed_with_the_scopes_that_they_need(shared_client):
    body, headers = modern("tools/list")
    answer = await shared_client.service.session.post(
        shared_client.service.url, json=body, headers={**headers, **shared_client.service.auth(scope="mcp:tools")}
    )
    [tool] = (await answer.json())["result"]["tools"]
    assert tool["securitySchemes"] == [{"type": "oauth2", "scopes": ["mcp:tools"]}]
    assert tool["vendor"] is None


async def test_disagreement_of_header_and_body_is_refused_before_the_process_sees_it(shared_client):
    body, headers = message("2026-07-28", "tools/call", {"name": "exit"})
    answer = await shared_client.service.session.post(
        shared_client.service.url,
        json=body,
        headers={**headers, "Mcp-Name": "echo", **shared_client.service.auth(scope="mcp:tools")},
    )
    assert answer.status == 400
    seen = [m["params"]["name"] for m in await shared_client.json("seen") if m.get("method") == "tools/call"]
    assert "exit" not in seen
