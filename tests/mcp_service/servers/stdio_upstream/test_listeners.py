"""Introductions, lists and notifications: what one process is told and tells, for all of its clients."""

import asyncio
import json

import pytest

from tests.mcp_service.conftest import LEGACY
from tests.mcp_service.servers.stdio_upstream.conftest import WIRES, content, eventually, read_event


async def test_the_process_is_introduced_once_however_many_clients_begin(client):
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    await asyncio.gather(*(client.post("initialize", params, wire="legacy") for _ in range(8)))
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    posted = await client.service.session.post(
        client.service.url, json=note, headers={**LEGACY, **client.service.auth(scope="mcp:tools")}
    )
    assert posted.status == 202
    seen = [m["method"] for m in await client.json("seen")]
    assert seen == ["initialize", "notifications/initialized", "tools/call"]


async def test_listeners_hear_of_changes_and_only_of_what_they_asked_for(client):
    async with asyncio.timeout(20):
        wanted = {"toolsListChanged": True, "resourceSubscriptions": ["test://a"]}
        first = await client.post("subscriptions/listen", {"notifications": wanted})
        second = await client.post("subscriptions/listen", {"notifications": {"promptsListChanged": True}}, sub="bob")
        for stream in (first, second):
            assert (await read_event(stream))["method"] == "notifications/subscriptions/acknowledged"
        await client.tool("changed")
        heard = [await read_event(first) for _ in range(2)]
        assert [e["method"] for e in heard] == ["notifications/tools/list_changed", "notifications/resources/updated"]
        assert heard[1]["params"]["uri"] == "test://a"
        seen = [m for m in await client.json("seen") if m.get("method") == "resources/subscribe"]
        assert [m["params"] for m in seen] == [{"uri": "test://a"}]
        first.close()

        async def has_unsubscribed():
            return "resources/unsubscribe" in [m.get("method") for m in await client.json("seen")]

        await eventually(has_unsubscribed)
        await client.service.app.shutdown()
        assert "message" not in (await second.read()).decode().replace("event: message", "")


@pytest.mark.parametrize("wire", WIRES)
async def test_a_list_shows_what_the_token_covers_if_lists_are_filtered(make_client, wire):
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "exit", "seen")]
    scopes = {"scopes": {"a:read": "Read", "a:write": "Write"}, "default": "a:read", "tools": {"exit": "a:write"}}
    client = await make_client(
        "tools", json.dumps({"tools": tools}), scopes=json.dumps(scopes), list_filter="granted", allow_anonymous=True
    )

    async def listed(**options):
        return [
            t["name"] for t in (await content(await client.post("tools/list", wire=wire, **options)))["result"]["tools"]
        ]

    assert await listed(scope="a:read") == ["echo", "seen"]
    assert await listed(scope="a:read a:write") == ["echo", "exit", "seen"]
    assert await listed(headers={"Authorization": ""}) == []
