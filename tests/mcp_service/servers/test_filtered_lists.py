"""MCP_LIST_FILTER on both wires, and the report of tools that the map does not name."""

import json

import pytest

from tests.mcp_service.conftest import LEGACY, modern, rpc

MIXED = "tests.mcp_service.mixed_server"
WIRES = ["legacy", "2026-07-28"]


@pytest.fixture
def make_mixed(make_service):
    async def make(**changes):
        return await make_service(
            **{
                "server": "tests.mcp_service.fresh_server:make_server",
                "scopes": f"{MIXED}:scopes",
                "allow_anonymous": True,
                **changes,
            }
        )

    return make


async def listed(service, wire, method="tools/list", **claims):
    """The result of a list; without claims, of an anonymous caller."""
    body, headers = modern(method) if wire == "2026-07-28" else (rpc(method), LEGACY)
    auth = service.auth(**claims) if claims else {}
    answer = await service.session.post(service.url, json=body, headers={**headers, **auth})
    assert answer.status == 200, await answer.text()
    text = await answer.text()
    if answer.content_type == "text/event-stream":
        text = next(line for line in text.splitlines() if line.startswith("data: {")).removeprefix("data: ")
    return json.loads(text)["result"]


@pytest.mark.parametrize("json_response", [False, True])
@pytest.mark.parametrize("wire", WIRES)
async def test_lists_show_what_the_token_covers(make_mixed, wire, json_response):
    service = await make_mixed(list_filter="granted", json_response=json_response)
    for scope, tools in {"t:write": {"clock", "look", "change"}, "t:read": {"clock", "look"}}.items():
        result = await listed(service, wire, scope=scope)
        assert {tool["name"] for tool in result["tools"]} == tools
        assert all("securitySchemes" in tool for tool in result["tools"])
    assert {tool["name"] for tool in (await listed(service, wire))["tools"]} == {"clock"}
    assert [r["uri"] for r in (await listed(service, wire, "resources/list"))["resources"]] == ["t://about"]
    assert (await listed(service, wire, "prompts/list"))["prompts"] == []
    assert (await listed(service, wire, "resources/templates/list"))["resourceTemplates"] == []


async def test_lists_of_a_session_are_filtered_by_the_token_of_each_request(make_mixed):
    service = await make_mixed(list_filter="granted", stateful=True)
    opening = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "t", "version": "1"},
    }
    headers = {**LEGACY, **service.auth(scope="t:write")}
    opened = await service.session.post(service.url, json=rpc("initialize", opening), headers=headers)
    session = {"Mcp-Session-Id": opened.headers["Mcp-Session-Id"]}
    done = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    await service.session.post(service.url, json=done, headers={**headers, **session})
    for scope, tools in {"t:write": 3, "t:read": 2}.items():
        headers = {**LEGACY, **service.auth(scope=scope), **session}
        answer = await service.session.post(service.url, json=rpc("tools/list"), headers=headers)
        assert (await answer.text()).count('"inputSchema"') == tools


@pytest.mark.parametrize("wire", WIRES)
async def test_lists_are_whole_without_the_setting(make_mixed, wire):
    service = await make_mixed()
    assert len((await listed(service, wire))["tools"]) == 3


async def test_a_call_is_checked_whatever_was_listed(make_mixed):
    for setting in ("off", "granted"):
        service = await make_mixed(list_filter=setting)
        assert (await service.call("change", scope="t:read")).status == 403
        assert (await service.call("look", scope="t:read")).status == 200


async def exported(service):
    text = await (await service.session.get(f"{service.root}/metrics")).text()
    return [line for line in text.splitlines() if line.startswith("sallyport_undeclared_tools")]


async def test_a_tool_that_the_map_does_not_name_is_reported_once(make_mixed):
    service = await make_mixed()
    for _ in range(2):
        await listed(service, "2026-07-28", scope="t:read")
    told = [entry for entry in service.logs if entry["event"] == "tool_not_in_scope_map"]
    assert [(entry["tool"], entry["needs"]) for entry in told] == [("look", "t:read")]
    assert await exported(service) == ["sallyport_undeclared_tools 1.0"]


async def test_a_server_without_a_map_has_no_undeclared_tools(make_mixed):
    service = await make_mixed(scopes=None, allow_anonymous=False)
    await listed(service, "2026-07-28", scope="mcp:tools")
    assert await exported(service) == []
