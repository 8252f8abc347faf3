"""Requests that are malformed, misplaced or too big: the right clear error, never a 500, never a leak."""

import io
import json

import aiohttp
import pytest
from multidict import CIMultiDict

from tests.mcp_service.conftest import LEGACY, modern, rpc

pytestmark = pytest.mark.asyncio(loop_scope="module")

PRM = 'resource_metadata="http://localhost:9001/.well-known/oauth-protected-resource/mcp"'


async def post(service, data, headers=None):
    merged = {**LEGACY, "Content-Type": "application/json", **service.auth(), **(headers or {})}
    return await service.session.post(service.url, data=data, headers=merged)


@pytest.mark.parametrize(
    ("authorization", "why"),
    [
        (None, "no credential"),
        ("", "empty"),
        ("Bearer", "no token"),
        ("Bearer   ", "spaces for a token"),
        ("Basic dXNlcjpwYXNz", "another scheme"),
        ("token", "no scheme"),
    ],
)
async def test_what_is_no_bearer_credential_gets_a_challenge_without_error(shared_service, authorization, why):
    """interop.md R1; RFC 6750 section 3.1: an unsupported method counts as none."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await shared_service.session.post(shared_service.url, json=rpc("ping"), headers=headers)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer {PRM}, scope="notes:read notes:write"'


@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "Bearer  "])
async def test_the_scheme_is_read_as_the_standard_has_it(shared_service, scheme):
    token = shared_service.token_issuer.issue()
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Authorization": f"{scheme} {token}"}
    )
    assert answer.status == 200


@pytest.mark.parametrize("value", ["Bearer a b", 'Bearer "quoted"', "Bearer a,b", "Bearer ünïcode", "Bearer =="])
async def test_a_credential_that_cannot_be_a_token_is_a_malformed_request(shared_service, value):
    answer = await post(shared_service, json.dumps(rpc("ping")), {"Authorization": value})
    assert answer.status == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]


async def test_two_credentials_are_a_malformed_request(shared_service):
    """RFC 6750 section 2: one method per request."""
    token = f"Bearer {shared_service.token_issuer.issue()}"
    answer = await shared_service.session.post(
        shared_service.url, json=rpc("ping"), headers=[("Authorization", token), ("Authorization", token)]
    )
    assert answer.status == 400


@pytest.mark.parametrize("query", ["access_token={token}", "a=1&access_token={token}", "access%5Ftoken={token}"])
@pytest.mark.parametrize("with_header", [False, True])
async def test_a_token_in_the_query_is_refused_even_beside_a_good_one(shared_service, query, with_header):
    """MCP authorization: tokens MUST NOT be in the query string, where they get logged."""
    token = shared_service.token_issuer.issue()
    answer = await shared_service.session.post(
        f"{shared_service.url}?{query.format(token=token)}",
        json=rpc("ping"),
        headers=shared_service.auth() if with_header else {},
    )
    assert answer.status == 400
    assert 'error="invalid_request"' in answer.headers["WWW-Authenticate"]
    assert token not in str(shared_service.logs)


@pytest.mark.parametrize(
    ("body", "check", "code"),
    [
        (b"", "body_json", -32700),
        (b"{", "body_json", -32700),
        (b"\xff\xfe", "body_json", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "method": "tools/call"}', "body_json", -32700),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"a": NaN}}', "body_json", -32700),
        (b"[" * 50_000, "body_json", -32700),
        (json.dumps([rpc("ping"), rpc("tools/call", {"name": "add_note"})]).encode(), "body_single", -32600),
        (b"[]", "body_single", -32600),
        (b'"ping"', "body_single", -32600),
        (b'{"jsonrpc": "2.0", "id": {}, "method": "ping"}', "body_id", -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', "body_id", -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": 7}', "body_shape", -32600),
        (b'{"jsonrpc": "2.0", "id": 1}', "body_shape", -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', "body_shape", -32600),
    ],
)
async def test_a_malformed_message_is_told_so_with_the_check_in_the_log(shared_service, body, check, code):
    answer = await post(shared_service, body)
    assert answer.status == 400
    error = (await answer.json())["error"]
    assert error["code"] == code
    logged = next(e for e in shared_service.errors() if e["request_id"] == error["data"]["request_id"])
    assert logged["error_id"] == check


async def test_a_long_body_with_an_expired_token_gets_its_challenge(shared_service):
    """A client that saw the connection break would not refresh its token (interop.md R1)."""
    expired = shared_service.token_issuer.issue(exp=1)
    for _ in range(5):
        answer = await post(
            shared_service, io.BytesIO(b" " * ((1 << 20) - 100)), {"Authorization": f"Bearer {expired}"}
        )
        assert answer.status == 401
        assert "invalid_token" in answer.headers["WWW-Authenticate"]


async def test_a_body_that_is_too_long_is_413(shared_service):
    answer = await post(shared_service, io.BytesIO(b'{"pad": "' + b"x" * (1 << 20) + b'"}'))
    assert answer.status == 413


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH", "HEAD"])
async def test_other_methods_are_405_for_authorized_callers_and_401_for_the_rest(shared_service, method):
    """Without sessions there is nothing to GET or DELETE; some clients GET first, to learn where to sign in."""
    request = shared_service.session.request
    assert (await request(method, shared_service.url)).status == 401
    answer = await request(method, shared_service.url, headers=shared_service.auth())
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"


@pytest.mark.parametrize("path", ["/mcp", "/mcp/"])
async def test_the_endpoint_answers_with_and_without_a_final_slash(shared_service, path):
    """interop.md R12: no redirect."""
    body, headers = modern("server/discover")
    answer = await shared_service.session.post(
        shared_service.root + path, json=body, headers={**headers, **shared_service.auth()}, allow_redirects=False
    )
    assert answer.status == 200


@pytest.mark.invariant(1)
@pytest.mark.asyncio(loop_scope="function")
async def test_host_decides_nothing(make_service):
    service = await make_service(resource="https://mcp.example/mcp")
    body, headers = modern("server/discover")
    evil = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "https"}
    refused = await service.session.post(service.url, json=body, headers={**headers, **evil})
    metadata_url = "https://mcp.example/.well-known/oauth-protected-resource/mcp"
    assert (
        refused.headers["WWW-Authenticate"]
        == f'Bearer resource_metadata="{metadata_url}", scope="notes:read notes:write"'
    )
    metadata = await service.session.get(f"{service.root}/.well-known/oauth-protected-resource", headers=evil)
    assert "evil" not in await metadata.text()
    answer = await service.session.post(service.url, json=body, headers={**headers, **evil, **service.auth()})
    assert answer.status == 200


async def test_an_unknown_address_is_404_in_json(shared_service):
    answer = await shared_service.session.get(f"{shared_service.root}/.well-known/openid-configuration")
    assert answer.status == 404
    assert (await answer.json())["error"] == "not_found"


async def test_an_unknown_method_of_a_caller_with_a_token_is_never_401(shared_service):
    """interop.md R11: a client must be able to fall back to the older wire."""
    body, headers = modern("no/such")
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, **shared_service.auth()}
    )
    assert answer.status == 404
    assert (await answer.json())["error"]["code"] == -32601


async def test_an_unknown_version_of_the_protocol_is_told_the_known_ones(shared_service):
    body, headers = modern("server/discover")
    body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = "2099-01-01"
    answer = await shared_service.session.post(
        shared_service.url,
        json=body,
        headers={**headers, "MCP-Protocol-Version": "2099-01-01", **shared_service.auth()},
    )
    assert answer.status == 400
    error = (await answer.json())["error"]
    assert error["code"] == -32022
    assert "2026-07-28" in error["data"]["supported"]


@pytest.mark.parametrize(
    ("change", "check"),
    [({"Mcp-Name": "whoami"}, "header_name"), ({"Mcp-Method": "ping"}, "header_method")],
)
async def test_headers_that_say_something_else_than_the_body_are_refused(shared_service, change, check):
    """A permission is never decided by the header alone; nor does a caller get to say two things."""
    body, headers = modern("tools/call", {"name": "add_note", "arguments": {"text": "x"}})
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, **change, **shared_service.auth()}
    )
    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == -32020
    assert shared_service.errors()[-1]["error_id"] == check


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize("name", ["Mcp-Session-Id", "MCP-Protocol-Version"])
async def test_a_header_of_mcp_that_is_sent_twice_is_refused_for_every_method(shared_service, method, name):
    """Servers differ in which of the two they read."""
    headers = CIMultiDict({**LEGACY, **shared_service.auth()})
    headers.popall(name, None)
    headers.extend([(name, "2025-11-25")] * 2)
    body = rpc("tools/list") if method == "POST" else None
    answer = await shared_service.session.request(method, shared_service.url, json=body, headers=headers)
    assert answer.status == 400
    assert (await answer.json())["error"]["code"] == -32020
    assert shared_service.errors()[-1]["error_id"] == "header_twice"


async def test_a_name_wrapped_in_base64_is_the_same_name(shared_service):
    body, headers = modern("tools/call", {"name": "whoami", "arguments": {}})
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Mcp-Name": "=?base64?d2hvYW1p?=", **shared_service.auth()}
    )
    assert answer.status == 200


async def test_a_name_wrapped_in_base64_cannot_stand_for_another(shared_service):
    body, headers = modern("tools/call", {"name": "add_note", "arguments": {"text": "x"}})
    answer = await shared_service.session.post(
        shared_service.url, json=body, headers={**headers, "Mcp-Name": "=?base64?d2hvYW1p?=", **shared_service.auth()}
    )
    assert answer.status == 400


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_a_query_of_any_characters_is_not_a_fault_of_the_service(shared_service, wire):
    body, headers = (rpc("ping"), LEGACY) if wire == "legacy" else modern("server/discover")
    answer = await shared_service.session.post(
        f"{shared_service.url}?x=%E2%82%AC&y=%FF", json=body, headers={**headers, **shared_service.auth()}
    )
    assert answer.status == 200


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
@pytest.mark.parametrize("wire", [LEGACY, modern("ping")[1]], ids=["legacy", "2026-07-28"])
async def test_a_body_that_is_not_json_by_its_header_is_refused_in_json(shared_service, content_type, wire):
    answer = await post(shared_service, json.dumps(rpc("ping")), {**wire, "Content-Type": content_type})
    assert (answer.status, answer.content_type) == (415, "application/json")
    assert (await answer.json())["error"]["code"] == -32600


@pytest.mark.parametrize("wire", ["legacy", "2026-07-28"])
async def test_no_accept_header_means_that_any_answer_is_acceptable(shared_service, wire):
    """RFC 9110 section 12.5.1."""
    body, headers = (rpc("ping"), LEGACY) if wire == "legacy" else modern("server/discover")
    async with aiohttp.ClientSession(skip_auto_headers=["Accept"]) as session:
        sent = {name: value for name, value in headers.items() if name != "Accept"}
        answer = await session.post(shared_service.url, json=body, headers={**sent, **shared_service.auth()})
        assert answer.status == 200
        await answer.read()


async def test_an_accept_header_without_json_is_refused_in_json(shared_service):
    body, headers = modern("server/discover")
    answer = await post(shared_service, json.dumps(body), {**headers, "Accept": "text/html"})
    assert (answer.status, answer.content_type) == (406, "application/json")
    assert "application/json" in (await answer.json())["error"]["message"]


async def test_the_example_names_its_version(shared_service):
    body, headers = modern("server/discover")
    answer = await post(shared_service, json.dumps(body), headers)
    assert '"version":""' not in (await answer.text()).replace(" ", "")
