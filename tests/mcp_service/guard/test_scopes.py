"""Scopes by operation: a real 403 before the SDK sees the call, and the same map wherever it shows."""

import sys

import pytest

from tests.mcp_service.conftest import LEGACY, modern, rpc

MIXED = "tests.mcp_service.mixed_server"
PRM = 'resource_metadata="http://localhost:9001/.well-known/oauth-protected-resource/mcp"'


@pytest.fixture
async def mixed(make_service, monkeypatch):
    # Loaded anew: a server that other rules were announced on before, in this process, would announce those.
    monkeypatch.delitem(sys.modules, MIXED, raising=False)
    return await make_service(server=f"{MIXED}:server", scopes=f"{MIXED}:scopes", allow_anonymous=True)


async def call(service, tool, *, headers=None, wire="modern", **claims):
    """A call with a token of these claims; without claims, no token."""
    if wire == "modern":
        body, sent = modern("tools/call", {"name": tool, "arguments": {}})
    else:
        body, sent = rpc("tools/call", {"name": tool, "arguments": {}}), LEGACY
    auth = service.auth(**claims) if claims else {}
    return await service.session.post(service.url, json=body, headers={**sent, **auth, **(headers or {})})


@pytest.mark.parametrize("wire", ["modern", "legacy"])
async def test_a_call_beyond_the_granted_scopes_is_403_on_both_wires(service, wire):
    answer = await call(service, "add_note", wire=wire, scope="notes:read")
    assert answer.status == 403
    challenge = answer.headers["WWW-Authenticate"]
    assert 'error="insufficient_scope"' in challenge
    assert challenge.endswith(f'{PRM}, scope="notes:read notes:write"')
    assert (await answer.json())["id"] == 1
    logged = service.errors()[-1]
    assert (logged["error_id"], logged["reason"]) == ("scope", "needs notes:write, has notes:read")
    assert (logged["tool"], logged["client"]) == ("add_note", "client-1")


async def test_a_token_without_any_scope_may_open_and_ask_what_to_do_next(service):
    body, headers = modern("server/discover")
    auth = service.auth(scope="")
    assert (await service.session.post(service.url, json=body, headers={**headers, **auth})).status == 200
    body, headers = modern("tools/list")
    answer = await service.session.post(service.url, json=body, headers={**headers, **auth})
    assert answer.status == 403
    assert 'scope="notes:read"' in answer.headers["WWW-Authenticate"]


async def test_offline_access_is_never_named_in_a_challenge(service):
    """MCP authorization 2026-07-28; interop.md R5."""
    answer = await call(service, "add_note", scope="notes:read offline_access")
    assert 'scope="notes:read notes:write"' in answer.headers["WWW-Authenticate"]


async def test_the_broader_scope_alone_is_enough(service):
    assert (await call(service, "list_notes", scope="notes:write")).status == 200


async def test_nothing_of_the_call_has_happened_when_it_is_refused(service):
    await service.call("add_note", {"text": "x"}, scope="notes:read")
    answer = await service.call("list_notes", scope="notes:read")
    assert (await answer.json())["result"]["structuredContent"]["result"] == []


@pytest.mark.parametrize("wire", ["modern", "legacy"])
async def test_the_tool_list_names_the_scopes_of_each_tool_twice(service, wire):
    body, headers = modern("tools/list") if wire == "modern" else (rpc("tools/list"), LEGACY)
    answer = await service.session.post(service.url, json=body, headers={**headers, **service.auth()})
    tools = {tool["name"]: tool for tool in (await answer.json())["result"]["tools"]}
    for name, scopes in {"list_notes": ["notes:read"], "add_note": ["notes:write"]}.items():
        expected = [{"type": "oauth2", "scopes": scopes}]
        assert tools[name]["securitySchemes"] == expected
        assert tools[name]["_meta"]["securitySchemes"] == expected


async def test_a_tool_keeps_its_own_meta_beside_the_added_members(mixed):
    body, headers = modern("tools/list")
    answer = await mixed.session.post(mixed.url, json=body, headers=headers)
    tools = {tool["name"]: tool for tool in (await answer.json())["result"]["tools"]}
    assert tools["clock"]["_meta"]["own"] == 1
    assert tools["clock"]["securitySchemes"] == [{"type": "noauth"}]
    assert tools["look"]["securitySchemes"] == [{"type": "oauth2", "scopes": ["t:read"]}]


@pytest.mark.parametrize("method", ["server/discover", "tools/list", "resources/list", "prompts/list"])
async def test_with_anonymous_access_listing_needs_no_token(mixed, method):
    body, headers = modern(method)
    assert (await mixed.session.post(mixed.url, json=body, headers=headers)).status == 200


async def test_a_public_tool_needs_no_token_and_knows_a_caller_that_sends_one(mixed):
    anonymous = await call(mixed, "clock")
    assert (await anonymous.json())["result"]["content"][0]["text"] == "twelve"
    known = await call(mixed, "clock", scope="other")
    assert (await known.json())["result"]["content"][0]["text"] == "twelve, user-1"


async def test_a_bad_token_is_refused_even_where_none_is_needed(mixed):
    """A client whose token has expired must learn it, or it would be anonymous from then on."""
    answer = await call(mixed, "clock", headers={"Authorization": "Bearer bad"})
    assert answer.status == 401


@pytest.mark.parametrize("wire", ["modern", "legacy"])
@pytest.mark.parametrize(("tool", "scope"), [("look", "t:read"), ("change", "t:read t:write"), ("nosuch", "t:read")])
async def test_every_other_tool_needs_a_token_and_says_which_scopes(mixed, wire, tool, scope):
    answer = await call(mixed, tool, wire=wire)
    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == f'Bearer {PRM}, scope="{scope}"'


async def test_a_public_resource_is_public(mixed):
    body, headers = modern("resources/read", {"uri": "t://about"})
    assert (await mixed.session.post(mixed.url, json=body, headers=headers)).status == 200


@pytest.mark.parametrize("by", ["user agent", "client info"])
async def test_a_client_that_looks_only_at_tool_results_is_asked_there(mixed, by):
    """interop.md R7: 200, isError, and the challenge in `_meta`."""
    body, headers = modern(
        "tools/call", {"name": "change", "arguments": {}}, client="openai-mcp" if by == "client info" else "x"
    )
    if by == "user agent":
        headers["User-Agent"] = "openai-mcp/1.0.0"
    answer = await mixed.session.post(mixed.url, json=body, headers=headers)
    assert answer.status == 200
    result = (await answer.json())["result"]
    assert result["isError"] is True
    assert result["_meta"]["mcp/www_authenticate"] == [f'Bearer {PRM}, scope="t:read t:write"']
    assert mixed.errors()[-1]["error_id"] == "credential"


async def test_the_same_client_is_asked_in_band_for_more_scopes(mixed):
    answer = await call(mixed, "change", headers={"User-Agent": "openai-mcp/1.0.0"}, scope="t:read")
    assert answer.status == 200
    challenge = (await answer.json())["result"]["_meta"]["mcp/www_authenticate"][0]
    assert 'error="insufficient_scope"' in challenge
    assert 'scope="t:read t:write"' in challenge


async def test_in_band_is_for_tool_calls_of_servers_with_anonymous_access_only(mixed, service):
    agent = {"User-Agent": "openai-mcp/1.0.0"}
    body, headers = modern("resources/read", {"uri": "t://secret"})
    assert (await mixed.session.post(mixed.url, json=body, headers={**headers, **agent})).status == 401
    assert (await call(service, "add_note", headers=agent, scope="notes:read")).status == 403
    assert (await call(service, "add_note", headers=agent)).status == 401


async def test_a_get_needs_a_token_even_with_anonymous_access(mixed):
    assert (await mixed.session.get(mixed.url)).status == 401
