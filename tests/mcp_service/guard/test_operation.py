"""What a request asks for is read from its body; a header only has to agree."""

import json

import pytest
from multidict import CIMultiDict

from mcp_service.guard.operation import (
    _LISTENED,
    _MESSAGE,
    _OTHER_MEMBERS,
    _PARAMS,
    _REFERENCE,
    BadOperation,
    read_operation,
)

MODERN = {"mcp-protocol-version": "2026-07-28"}


def read(method, params=None, headers=None, **message):
    whole = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params} | message
    body = {name: value for name, value in whole.items() if value is not None}
    return read_operation(json.dumps(body).encode(), headers or {})


@pytest.mark.parametrize(
    ("method", "params", "names"),
    [
        ("tools/call", {"name": "a"}, (("a",), (), ())),
        ("prompts/get", {"name": "a"}, ((), ("a",), ())),
        ("resources/read", {"uri": "x://a"}, ((), (), ("x://a",))),
        ("resources/subscribe", {"uri": "x://a"}, ((), (), ("x://a",))),
        ("completion/complete", {"ref": {"type": "ref/prompt", "name": "a"}}, ((), ("a",), ())),
        ("completion/complete", {"ref": {"type": "ref/resource", "uri": "x://{a}"}}, ((), (), ("x://{a}",))),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": ["x://a", 5]}}, ((), (), ("x://a",))),
        ("tools/list", {}, ((), (), ())),
        ("tools/list", None, ((), (), ())),
        ("tools/call", {"name": None}, ((), (), ())),
        ("tools/call", {"name": "a", "uri": "x://a"}, (("a",), (), ())),
    ],
)
def test_the_names_of_what_is_touched_are_found(method, params, names):
    operation = read(method, params)
    assert (operation.tools, operation.prompts, operation.resources) == names


def test_only_a_notification_by_name_and_form_is_one():
    """A call without an id is judged like a call."""
    body = json.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "a"}}).encode()
    assert read_operation(body, {}).is_notification is False
    body = json.dumps({"jsonrpc": "2.0", "method": "notifications/cancelled"}).encode()
    assert read_operation(body, {}).is_notification is True
    assert read("notifications/cancelled").is_notification is False


@pytest.mark.parametrize(
    ("headers", "agrees"),
    [
        ({"mcp-method": "tools/call", "mcp-name": "a"}, True),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?YQ==?="}, True),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?YR==?="}, False),
        ({"mcp-method": "tools/call", "mcp-name": "=?base64?***?="}, False),
        ({"mcp-method": "tools/call", "mcp-name": "b"}, False),
        ({"mcp-method": "tools/call", "mcp-name": "A"}, False),
        ({"mcp-method": "tools/list", "mcp-name": "a"}, False),
    ],
)
def test_headers_of_the_newer_wire_must_agree_with_the_body(headers, agrees):
    if agrees:
        assert read("tools/call", {"name": "a"}, MODERN | headers).tools == ("a",)
    else:
        with pytest.raises(BadOperation, match="is not the"):
            read("tools/call", {"name": "a"}, MODERN | headers)


@pytest.mark.parametrize("version", [{}, {"mcp-protocol-version": "2025-11-25"}])
@pytest.mark.parametrize("disagreeing", [{"mcp-method": "ping"}, {"mcp-name": "b"}])
def test_they_must_agree_on_the_older_wire_too(version, disagreeing):
    """A server may choose the revision by the body, and then act on the header."""
    with pytest.raises(BadOperation, match="is not the"):
        read("tools/call", {"name": "a"}, version | disagreeing)


@pytest.mark.parametrize("stated", ["2025-11-25", "2026-07-29"])
def test_the_version_in_the_header_must_be_that_in_the_body(stated):
    params = {"name": "a", "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}}
    assert read("tools/call", params, MODERN).tools == ("a",)
    with pytest.raises(BadOperation) as caught:
        read("tools/call", params, {"mcp-protocol-version": stated})
    assert (caught.value.error_id, caught.value.rpc_code, caught.value.rpc_id) == ("header_version", -32020, 1)


@pytest.mark.parametrize(
    "name", ["mcp-method", "Mcp-Name", "MCP-Protocol-Version", "mcp-session-id", "Mcp-Param-City", "mcp-future"]
)
def test_a_header_that_is_sent_twice_is_refused_even_if_both_are_equal(name):
    headers = CIMultiDict([(name, "a"), (name.swapcase(), "a")])
    with pytest.raises(BadOperation) as caught:
        read("tools/list", {}, headers)
    assert (caught.value.error_id, caught.value.rpc_code) == ("header_twice", -32020)


def test_other_headers_may_be_sent_twice():
    assert read("tools/list", {}, CIMultiDict([("Accept", "a"), ("accept", "b"), ("Mcp-Method", "tools/list")]))


def test_the_message_that_was_judged_is_handed_on_and_not_shown():
    operation = read("tools/call", {"name": "a", "arguments": {"text": "private"}})
    assert operation.message is not None
    assert operation.message["params"]["arguments"] == {"text": "private"}
    assert "private" not in repr(operation)


@pytest.mark.parametrize("known", [_MESSAGE, _REFERENCE, _LISTENED, *_PARAMS.values()])
def test_no_member_that_is_passed_over_is_spelled_nearly_as_one_that_decides(known):
    assert not {"".join(filter(str.isalnum, name.casefold())) for name in _OTHER_MEMBERS} & known.keys()


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("initialize", {"clientInfo": {"name": "old"}}, "old"),
        ("tools/call", {"_meta": {"io.modelcontextprotocol/clientInfo": {"name": "new"}}}, "new"),
        ("tools/call", {"clientInfo": {"name": "nobody asks"}}, None),
        ("tools/call", {"_meta": 5}, None),
        ("tools/call", {"_meta": {"io.modelcontextprotocol/clientInfo": {"name": 5}}}, None),
    ],
)
def test_what_the_client_calls_itself_is_a_hint(method, params, name):
    assert read(method, params).client_name == name


def test_a_response_of_a_client_is_a_message_without_an_operation():
    assert read_operation(b'{"jsonrpc": "2.0", "id": 1, "result": {}}', {}).method == "response"


@pytest.mark.parametrize(
    ("method", "params", "message"),
    [
        ("tools/list", {}, {"Method": "tools/call", "Params": {"name": "b"}}),
        ("tools/list", {}, {"METHOD": "tools/call"}),
        ("tools/list", {}, {"param\u017f": {"name": "b"}}),
        ("tools/list", {}, {"method\0": "tools/call"}),
        (None, None, {"result": {}, "Method": "tools/call", "Params": {"name": "b"}}),
        ("notifications/initialized", {}, {"id": None, "ID": 1}),
        ("tools/call", {"name": "a", "Name": "b"}, {}),
        ("tools/call", {"name": "a", "name\0": "b"}, {}),
        ("prompts/get", {"NAME": "b"}, {}),
        ("resources/read", {"uri": "x://a", "URI": "x://b"}, {}),
        ("resources/subscribe", {"Uri": "x://b"}, {}),
        ("completion/complete", {"Ref": {"name": "b"}}, {}),
        ("completion/complete", {"ref": {"name": "a", "Name": "b"}}, {}),
        ("completion/complete", {"ref": {"uri": "x://a", "URI": "x://b"}}, {}),
        ("subscriptions/listen", {"Notifications": {}}, {}),
        ("subscriptions/listen", {"notifications": {"resource_subscriptions": ["x://b"]}}, {}),
        ("subscriptions/listen", {"notifications": {"resourcesubscriptions": ["x://b"]}}, {}),
    ],
)
def test_a_member_that_another_parser_takes_for_one_of_the_message_is_refused(method, params, message):
    """Go matches names in any case, some parsers ignore NUL, pydantic takes the name of the field too."""
    with pytest.raises(BadOperation) as caught:
        read(method, params, **message)
    assert (caught.value.error_id, caught.value.rpc_code) == ("body_spelling", -32600)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": ["b"]}),
        ("tools/call", {"name": 5}),
        ("prompts/get", {"name": {"toString": "b"}}),
        ("resources/read", {"uri": ["x://b"]}),
        ("completion/complete", {"ref": [{"name": "b"}]}),
        ("completion/complete", {"ref": {"name": ["b"]}}),
        ("completion/complete", {"ref": {"uri": ["x://b"]}}),
        ("subscriptions/listen", {"notifications": []}),
        ("subscriptions/listen", {"notifications": {"resourceSubscriptions": "x://b"}}),
    ],
)
def test_a_name_of_another_type_is_refused(method, params):
    """JavaScript takes a list with one text for the text."""
    with pytest.raises(BadOperation) as caught:
        read(method, params)
    assert (caught.value.error_id, caught.value.rpc_code) == ("body_type", -32600)


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "a", "arguments": {"Name": "b", "Uri": "c", "Method": "d"}, "Uri": "x"}),
        ("vendor/method", {"Name": "b", "URI": "c"}),
        ("subscriptions/listen", {"notifications": {"toolsListChanged": True}}),
    ],
)
def test_other_members_may_have_any_name(method, params):
    assert read(method, params).method == method
