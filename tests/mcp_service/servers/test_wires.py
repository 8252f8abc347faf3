"""Both wires, driven by the SDK's own client over real HTTP."""

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_service.conftest import LEGACY, MODERN, modern, rpc

SLOW = "tests.mcp_service.slow_server"
WIRES = ["legacy", "2026-07-28", "auto"]


class connected:  # noqa: N801 - used as a context manager
    """An SDK client that sends a token of the service's issuer."""

    def __init__(self, service, wire, **claims):
        self._http = httpx2.AsyncClient(headers=service.auth(**claims), timeout=20)
        self._client = Client(streamable_http_client(service.url, http_client=self._http), mode=wire)

    async def __aenter__(self):
        await self._http.__aenter__()
        return await self._client.__aenter__()

    async def __aexit__(self, *exc):
        await self._client.__aexit__(*exc)
        await self._http.__aexit__(*exc)


@pytest.mark.parametrize("wire", WIRES)
async def test_the_notes_example_works_from_end_to_end(service, wire):
    async with connected(service, wire, scope="notes:write", name="Ada") as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        assert tools == {"whoami", "list_notes", "add_note", "delete_note"}
        me = (await client.call_tool("whoami")).structured_content
        assert me == {
            "subject": "user-1",
            "client_id": "client-1",
            "scopes": ["notes:write", "notes:read"],
            "name": "Ada",
            "email": None,
        }
        note = (await client.call_tool("add_note", {"text": "buy milk"})).structured_content
        listed = (await client.call_tool("list_notes")).structured_content["result"]
        assert listed == [{"note_id": note["note_id"], "text": "buy milk"}]
        assert not (await client.call_tool("delete_note", {"note_id": note["note_id"]})).is_error
        assert (await client.call_tool("list_notes")).structured_content["result"] == []


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
async def test_each_older_version_opens_with_initialize(service, version):
    answer = await service.session.post(
        service.url,
        json=rpc(
            "initialize",
            {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "old", "version": "1"}},
        ),
        headers={"Accept": "application/json, text/event-stream", **service.auth()},
    )
    assert answer.status == 200
    assert f'"protocolVersion":"{version}"' in await answer.text()
    assert "Mcp-Session-Id" not in answer.headers


async def test_a_call_of_the_older_wire_stands_alone(service):
    """Replicas are interchangeable: no session, no initialize needed on the replica that is hit."""
    answer = await service.session.post(
        service.url, json=rpc("tools/call", {"name": "whoami"}), headers={**LEGACY, **service.auth()}
    )
    assert answer.status == 200
    assert "user-1" in await answer.text()


async def test_notifications_are_taken(service):
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    answer = await service.session.post(service.url, json=note, headers={**LEGACY, **service.auth()})
    assert answer.status == 202


async def test_no_user_sees_the_notes_of_another(service):
    async with connected(service, "auto", scope="notes:write", sub="alice") as alice:
        note = (await alice.call_tool("add_note", {"text": "secret"})).structured_content
    async with connected(service, "auto", scope="notes:write", sub="bob") as bob:
        assert (await bob.call_tool("list_notes")).structured_content["result"] == []
        assert (await bob.call_tool("delete_note", {"note_id": note["note_id"]})).is_error


@pytest.mark.parametrize("wire", WIRES)
async def test_resources_and_prompts_pass_too(make_service, wire):
    service = await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes")
    async with connected(service, wire, scope="slow:use") as client:
        assert (await client.read_resource("slow://state")).contents[0].text == "slow"
        assert (await client.get_prompt("hurry")).messages[0].content.text == "Hurry up."


@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("tool", ["who", "blocking_who"])
async def test_a_tool_sees_the_principal_and_never_the_token(make_service, wire, tool):
    service = await make_service(server=f"{SLOW}:server", scopes=f"{SLOW}:scopes")
    async with connected(service, wire, scope="slow:use") as client:
        seen = (await client.call_tool(tool)).content[0].text
    assert seen == {"who": "user-1 client-1 slow:use []", "blocking_who": "user-1"}[tool]


@pytest.mark.parametrize("headers", [LEGACY, MODERN], ids=["legacy", "2026-07-28"])
async def test_plain_json_is_a_setting(make_service, headers):
    service = await make_service(json_response=True)
    body, wire = modern("tools/call", {"name": "whoami", "arguments": {}})
    if headers is LEGACY:
        body, wire = rpc("tools/call", {"name": "whoami"}), LEGACY
    answer = await service.session.post(
        service.url, json=body, headers={**wire, "Accept": "application/json", **service.auth()}
    )
    assert answer.status == 200
    assert answer.content_type == "application/json"
    assert (await answer.json())["result"]["structuredContent"]["subject"] == "user-1"


@pytest.mark.invariant(9)
async def test_notes_that_cannot_be_reached_are_told_without_details(make_service):
    """The reason is for the log only."""
    service = await make_service(notes_redis_url="redis://127.0.0.1:1/0")
    answer = await service.call("add_note", {"text": "x"}, scope="notes:write")
    result = (await answer.json())["result"]
    assert result["isError"] is True
    assert "Please try again." in result["content"][0]["text"]
    assert "127.0.0.1" not in str(result)
    assert any(e["event"] == "notes_unavailable" and "Connect" in e["reason"] for e in service.logs)


async def test_the_sdk_answers_an_unknown_prompt_as_a_fault_of_its_own_on_the_newer_wire(service):
    """docs/mcp-service.md states it; when a release of the SDK says -32602, both change."""
    body, headers = modern("prompts/get", {"name": "unknown"})
    answer = await service.session.post(service.url, json=body, headers={**headers, **service.auth()})
    assert answer.status == 200
    assert (await answer.json())["error"] == {"code": -32603, "message": "Internal server error"}
