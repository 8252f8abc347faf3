"""What is not the plain case is answered by the ASGI application of the SDK."""

import pytest

from tests.mcp_service.servers.both_ways import MODERN_WIRE, OLDER_WIRE, WIRES, both_ways, message
from tests.mcp_service.servers.every_answer import build_low_level_server, build_server

HELLO = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "a", "version": "1"}}
VERSION_KEY = "io.modelcontextprotocol/protocolVersion"
CAPABILITIES_KEY = "io.modelcontextprotocol/clientCapabilities"


def echo(wire):
    return message(wire, "tools/call", {"name": "echo", "arguments": {"text": "hello"}})


def without(key):
    body, headers = echo(MODERN_WIRE)
    del body["params"]["_meta"][key]
    return body, headers


def changed(wire, body=(), headers=()):
    sent, sent_headers = echo(wire)
    return {**sent, **dict(body)}, {**sent_headers, **dict(headers)}


def missing(header):
    body, headers = echo(MODERN_WIRE)
    del headers[header]
    return body, headers


def in_region(header):
    body, headers = message(MODERN_WIRE, "tools/call", {"name": "in_region", "arguments": {"region": "eu"}})
    return body, headers | ({} if header is None else {"Mcp-Param-Region": header})


NOT_PLAIN = {
    "initialize": message(OLDER_WIRE, "initialize", HELLO),
    "initialize on the newer wire": message(MODERN_WIRE, "initialize", HELLO),
    "notification": ({"jsonrpc": "2.0", "method": "notifications/initialized"}, echo(OLDER_WIRE)[1]),
    "notification on the newer wire": (
        {"jsonrpc": "2.0", "method": "notifications/x"},
        message(MODERN_WIRE, "notifications/x")[1],
    ),
    "response": ({"jsonrpc": "2.0", "id": 1, "result": {}}, echo(OLDER_WIRE)[1]),
    "no id": ({"jsonrpc": "2.0", "method": "tools/list"}, echo(OLDER_WIRE)[1]),
    "id is null": changed(OLDER_WIRE, {"id": None}),
    "another JSON-RPC": changed(OLDER_WIRE, {"jsonrpc": "1.0"}),
    "another JSON-RPC on the newer wire": changed(MODERN_WIRE, {"jsonrpc": "1.0"}),
    "no version in the message": without(VERSION_KEY),
    "no capabilities in the message": without(CAPABILITIES_KEY),
    "unknown version": changed(OLDER_WIRE, headers={"MCP-Protocol-Version": "2099-01-01"}),
    "empty version": changed(OLDER_WIRE, headers={"MCP-Protocol-Version": ""}),
    "no Mcp-Method": missing("Mcp-Method"),
    "no Mcp-Name": missing("Mcp-Name"),
    "no events acceptable": changed(OLDER_WIRE, headers={"Accept": "application/json"}),
    "no JSON acceptable": changed(OLDER_WIRE, headers={"Accept": "text/event-stream"}),
    "content type in other letters": changed(OLDER_WIRE, headers={"Content-Type": "Application/JSON"}),
    "parameter header missing": in_region(None),
    "parameter header of another value": in_region("us"),
    "parameter header malformed": in_region("=?base64?!?="),
}


async def test_the_application_answers_what_is_not_plain():
    async with both_ways(build_server()) as ways:
        for name, (body, headers) in NOT_PLAIN.items():
            direct = await ways.directly(body, headers)
            assert not ways.was_direct, name
            assert direct == await ways.by_application(body, headers), name


@pytest.mark.parametrize("wire", WIRES)
async def test_an_accept_header_that_allows_both_forms_is_plain(wire):
    body, headers = echo(wire)
    async with both_ways(build_server()) as ways:
        for accept in ("*/*", "application/*, text/*", "text/event-stream;q=0.5, application/json"):
            direct = await ways.directly(body, {**headers, "Accept": accept})
            assert ways.was_direct, accept
            assert direct.status == 200


async def test_a_parameter_header_that_agrees_is_plain():
    async with both_ways(build_server()) as ways:
        direct = await ways.directly(*in_region("eu"))
    assert ways.was_direct
    assert direct.messages[0]["result"]["structuredContent"] == {"result": "eu"}


async def test_a_parameter_header_that_is_declared_later_is_checked():
    """Schemas without one are remembered; a schema that has changed in place is another one."""
    server = build_server()
    body, headers = message(MODERN_WIRE, "tools/call", {"name": "echo", "arguments": {"text": "a"}})
    headers["Mcp-Param-Text"] = "b"
    async with both_ways(server) as ways:
        assert (await ways.directly(body, headers)).status == 200
        assert ways.was_direct
        schema = server.session_manager.app.get_tool_input_schema("echo")
        schema["properties"]["text"]["x-mcp-header"] = "Text"
        assert (await ways.directly(body, headers)).status == 400
        assert not ways.was_direct


async def test_a_server_that_knows_schemas_by_its_list_alone_is_asked_by_the_application():
    body, headers = message(MODERN_WIRE, "tools/call", {"name": "go", "arguments": {"region": "eu"}})
    async with both_ways(build_low_level_server()) as ways:
        direct = await ways.directly(body, headers)
    assert not ways.was_direct
    assert (direct.status, direct.messages[0]["error"]["code"]) == (400, -32020)


async def test_the_older_wire_of_a_server_with_sessions_is_never_plain():
    async with both_ways(build_server(), stateful=True) as ways:
        answer = await ways.directly(*echo(OLDER_WIRE))
    assert not ways.was_direct
    assert answer.status == 400


async def test_the_newer_wire_of_a_server_with_sessions_is_plain():
    async with both_ways(build_server(), stateful=True) as ways:
        answer = await ways.directly(*echo(MODERN_WIRE))
    assert ways.was_direct
    assert answer.status == 200
