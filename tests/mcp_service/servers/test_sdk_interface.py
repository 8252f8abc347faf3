"""What direct calls rest on in the mcp SDK. A failure means: the SDK has changed, read again what is named.

Signatures are those that servers/direct_call.py and dispatch_context.py use. Digests are of the code of the SDK whose
order of checks and form of answers they follow: compare the two, then write the new digest here.
"""

import hashlib
import inspect
from dataclasses import fields

import pytest
from mcp.server import _streamable_http_modern as modern
from mcp.server.connection import Connection
from mcp.server.lowlevel import Server
from mcp.server.runner import modern_error_data, serve_one
from mcp.server.streamable_http import StreamableHTTPServerTransport, check_accept_headers
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.dispatcher import DispatchContext
from mcp.shared.inbound import classify_inbound_request, validate_mcp_param_headers
from mcp.shared.jsonrpc_dispatcher import (
    JSONRPCDispatcher,
    handler_exception_to_error_data,
    progress_token_from_params,
)
from mcp.shared.message import ServerMessageMetadata
from mcp.shared.transport_context import TransportContext

from mcp_service.servers.answer_stream import PING_SECONDS
from mcp_service.servers.dispatch_context import CallContext

SIGNATURES = {
    serve_one: ["server", "dctx", "method", "params", "connection", "lifespan_state"],
    modern_error_data: ["exc"],
    handler_exception_to_error_data: ["exc"],
    progress_token_from_params: ["params"],
    check_accept_headers: ["request"],
    classify_inbound_request: ["body", "headers", "supported_modern_versions"],
    validate_mcp_param_headers: ["input_schema", "arguments", "headers"],
    Connection.from_envelope: ["protocol_version", "client_info", "client_capabilities", "outbound"],
}

FOLLOWED = {
    modern.handle_modern_request: "cde3cb6094dd5193",
    modern._mcp_param_rejection: "933612dde6d7622f",
    modern._to_jsonrpc_response: "72c9e41dd834bcbf",
    modern._sse_event: "f200e90d2b3b3bb1",
    modern._write: "fe810e776acc5ffe",
    modern._SingleExchangeDispatchContext: "39928c19134fc566",
    StreamableHTTPSessionManager._handle_request: "a3e1f9718d1bed01",
    StreamableHTTPSessionManager._handle_stateless_request: "5f73a16dea80a855",
    StreamableHTTPServerTransport._handle_post_request: "cc4f2cd0c9e317a2",
    StreamableHTTPServerTransport._validate_accept_header: "6f5a656d34b95dbd",
    StreamableHTTPServerTransport._check_content_type: "cbfd4348673d85d4",
    StreamableHTTPServerTransport._validate_request_headers: "586958c48539cecf",
    StreamableHTTPServerTransport._create_event_data: "89c55d1c9383d6c2",
    StreamableHTTPServerTransport._create_json_response: "a69b220c3746c14f",
    JSONRPCDispatcher._dispatch_request: "02407068c08ab61e",
    JSONRPCDispatcher._handle_request: "393d7c8204a71c84",
    JSONRPCDispatcher.notify: "621da58131210551",
}


def named(members):
    return {name for name in members if not name.startswith("_")}


@pytest.mark.parametrize("function", SIGNATURES, ids=lambda function: function.__qualname__)
def test_the_sdk_s_function_takes_what_it_is_called_with(function):
    assert list(inspect.signature(function).parameters) == SIGNATURES[function]


@pytest.mark.parametrize("function", FOLLOWED, ids=lambda function: function.__qualname__)
def test_the_sdk_s_code_that_direct_calls_follow_is_the_same(function):
    digest = hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:16]
    assert digest == FOLLOWED[function], (
        f"{function.__module__}.{function.__qualname__} has changed: compare it with direct_call.py, "
        "dispatch_context.py and answer_stream.py, then write its digest into this test"
    )


def test_a_call_has_the_members_that_a_dispatch_context_has():
    own = {"message", "connection", "is_modern", "encode", "http", "stream", "is_answered", "start_pings", "error"}
    members = named(dir(CallContext)) | {field.name for field in fields(CallContext)}
    assert named(dir(DispatchContext)) == members - own


def test_the_records_that_are_passed_have_the_members_that_are_known():
    assert {f.name for f in fields(TransportContext)} == {"kind", "can_send_request", "headers"}
    assert {f.name for f in fields(ServerMessageMetadata)} == {
        "related_request_id",
        "request_context",
        "close_sse_stream",
        "close_standalone_sse_stream",
        "on_request_unanswered",
        "can_send_request",
    }


def test_the_session_manager_and_its_server_say_what_is_asked_of_them():
    server = Server("a server")
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    assert (manager.app, manager.json_response, manager.stateless) == (server, True, True)
    assert server.get_tool_input_schema is None
    assert server.get_request_handler("tools/list") is None
    assert callable(server.lifespan)


def test_the_interval_of_pings_is_that_of_the_sdk():
    assert modern._SSE_PING_INTERVAL == PING_SECONDS
