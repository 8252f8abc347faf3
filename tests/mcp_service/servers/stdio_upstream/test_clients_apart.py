"""Clients that share one process: no answer, progress or cancellation reaches another client."""

import asyncio
import json

import pytest

from tests.mcp_service.conftest import LEGACY
from tests.mcp_service.servers.stdio_upstream.conftest import WIRES, content, eventually, read_event


async def methods(client, name="tools/call"):
    return [m for m in await client.json("seen") if m.get("method") == name]


@pytest.mark.parametrize("wire", WIRES)
async def test_equal_ids_and_progress_tokens_at_once_stay_apart(client, wire):
    async with asyncio.timeout(20):
        options = {"wire": wire, "request_id": 1, "meta": {"progressToken": "p"}}
        alice = await client.tool("hold", {"name": "a"}, sub="alice", **options)
        bob = await client.tool("hold", {"name": "b"}, sub="bob", **options)
        assert (await read_event(alice))["params"]["message"] == "a"
        assert (await read_event(bob))["params"]["message"] == "b"
        # Answered in the other order.
        await client.tool("release", {"names": ["b", "a"]})
        for stream, name in ((alice, "a"), (bob, "b")):
            event = await read_event(stream)
            assert event["id"] == 1
            assert event["result"]["content"][0]["text"] == f"released {name}"
    sent = [m for m in await methods(client) if m["params"]["name"] == "hold"]
    assert len({m["id"] for m in sent}) == 2
    assert len({m["params"]["_meta"]["progressToken"] for m in sent}) == 2


async def test_the_id_of_the_client_comes_back_as_it_was(client):
    for request_id in ("text", 0, -7, 2**53, "1"):
        assert (await content(await client.tool("echo", request_id=request_id)))["id"] == request_id
    assert all(isinstance(m["id"], int) for m in await methods(client))


async def test_the_progress_token_of_the_client_comes_back_as_it_was(client):
    async with asyncio.timeout(20):
        for token in ("text", 0, 7):
            answer = await client.tool("hold", {"name": "a"}, meta={"progressToken": token})
            assert (await read_event(answer))["params"]["progressToken"] == token
            answer.close()


async def test_answers_to_ids_of_others_reach_no_client(client):
    async with asyncio.timeout(20):
        waiting = [asyncio.create_task(client.text("hold", {"name": str(n)})) for n in range(3)]

        async def are_held():
            return len([m for m in await methods(client) if m["params"]["name"] == "hold"]) == 3

        await eventually(are_held)
        # The next id is one beyond, and the process answers its neighbours with a text of its own.
        assert await client.text("foreign") == "mine"
        for task in waiting:
            if task.done():
                # A process that answers its own requests wrongly can confuse those in progress, but no later one.
                assert task.result() == "for another"
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert json.loads(await client.text("echo", {"n": 1}))["arguments"] == {"n": 1}


async def test_a_second_answer_is_dropped(client):
    assert await client.text("twice") == "first"
    assert (await client.json("echo", {"n": 1}))["arguments"] == {"n": 1}


@pytest.mark.parametrize("wire", WIRES)
async def test_a_client_that_disconnects_cancels_its_own_request_and_no_other(client, wire):
    async with asyncio.timeout(20):
        options = {"wire": wire, "request_id": 1, "meta": {"progressToken": "p"}}
        gone = await client.tool("hold", {"name": "gone"}, sub="alice", **options)
        stays = await client.tool("hold", {"name": "stays"}, sub="bob", **options)
        await read_event(gone)
        await read_event(stays)
        gone.close()
        cancelled = await eventually(lambda: methods(client, "notifications/cancelled"))
        held = {m["params"]["arguments"]["name"]: m["id"] for m in await methods(client) if "_meta" in m["params"]}
        assert [m["params"]["requestId"] for m in cancelled] == [held["gone"]]
        # A late answer to a request that was cancelled is dropped.
        await client.tool("release", {"names": ["gone", "stays"]})
        assert (await read_event(stays))["result"]["content"][0]["text"] == "released stays"


async def test_a_request_that_was_answered_is_not_cancelled(client):
    await client.text("echo")
    assert await methods(client, "notifications/cancelled") == []


@pytest.mark.parametrize("wire", WIRES)
async def test_a_cancellation_that_names_the_id_of_another_has_no_effect(client, wire):
    note = {"requestId": 1, "reason": "mischief"}
    async with asyncio.timeout(20):
        held = await client.tool("hold", {"name": "a"}, wire=wire, meta={"progressToken": "p"})
        await read_event(held)
        body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": note}
        headers = {"Accept": "application/json, text/event-stream", **client.service.auth(scope="mcp:tools", sub="eve")}
        if wire != "legacy":
            headers |= {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "notifications/cancelled"}
        assert (await client.service.session.post(client.service.url, json=body, headers=headers)).status == 202
        await client.tool("release", {"names": ["a"]})
        assert (await read_event(held))["result"]["content"][0]["text"] == "released a"
    assert await methods(client, "notifications/cancelled") == []


def cancelling(client, request_id, token):
    """The client of this token cancels the request with this id."""
    body = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": request_id}}
    return client.service.session.post(client.service.url, json=body, headers={**LEGACY, **client.service.auth(token)})


async def test_a_client_of_the_older_wire_cancels_its_own_request_by_its_id(client):
    async with asyncio.timeout(20):
        token, other = (client.service.token_issuer.issue(scope="mcp:tools", jti=name) for name in ("a", "b"))
        options = {"wire": "legacy", "request_id": "x", "meta": {"progressToken": "p"}}
        mine, theirs = [
            await client.tool("hold", {"name": name}, headers=client.service.auth(each), **options)
            for name, each in (("mine", token), ("theirs", other))
        ]
        await read_event(mine)
        await read_event(theirs)
        assert (await cancelling(client, "x", token)).status == 202
        assert (await content(mine))["error"]["message"] == "The request was cancelled."
        held = {m["params"]["arguments"]["name"]: m["id"] for m in await methods(client) if "_meta" in m["params"]}
        [cancelled] = await methods(client, "notifications/cancelled")
        assert cancelled["params"]["requestId"] == held["mine"]
        await client.tool("release", {"names": ["mine", "theirs"]})
        assert (await read_event(theirs))["result"]["content"][0]["text"] == "released theirs"


@pytest.mark.parametrize("named", [1, "2", None, True, {"a": 1}])
async def test_a_cancellation_that_names_no_request_of_its_token_has_no_effect(client, named):
    async with asyncio.timeout(20):
        token = client.service.token_issuer.issue(scope="mcp:tools")
        options = {"wire": "legacy", "request_id": 2, "meta": {"progressToken": "p"}}
        held = await client.tool("hold", {"name": "a"}, headers=client.service.auth(token), **options)
        await read_event(held)
        assert (await cancelling(client, named, token)).status == 202
        await client.tool("release", {"names": ["a"]})
        assert (await read_event(held))["result"]["content"][0]["text"] == "released a"


async def test_one_of_two_requests_with_the_same_token_and_id_is_not_guessed(client):
    async with asyncio.timeout(20):
        token = client.service.token_issuer.issue(scope="mcp:tools")
        options = {"wire": "legacy", "request_id": 2, "meta": {"progressToken": "p"}}
        held = [
            await client.tool("hold", {"name": name}, headers=client.service.auth(token), **options) for name in "ab"
        ]
        for each in held:
            await read_event(each)
        assert (await cancelling(client, 2, token)).status == 202
        await client.tool("release", {"names": ["a", "b"]})
        texts = [(await read_event(each))["result"]["content"][0]["text"] for each in held]
    assert texts == ["released a", "released b"]


async def test_log_messages_of_a_shared_process_reach_no_client(client):
    answer = await client.tool("changed", meta={"io.modelcontextprotocol/logLevel": "debug"})
    assert "of another" not in await answer.text()


async def test_a_process_per_user_serves_its_user_only(make_client):
    client = await make_client(upstream_per="user")
    for user in ("alice", "bob"):
        await client.text("echo", {"of": user}, sub=user)
    for user in ("alice", "bob"):
        seen = json.dumps(await client.json("seen", sub=user))
        assert f'"of": "{user}"' in seen
        assert seen.count('"of":') == 1
    pids = {user: (await result(client, user))["pid"] for user in ("alice", "bob", "alice")}
    assert len(set(pids.values())) == 2


async def test_a_process_per_user_serves_all_clients_of_its_user(make_client):
    client = await make_client(upstream_per="user")
    first, second = await result(client, "alice", client_id="one"), await result(client, "alice", client_id="two")
    assert first["pid"] == second["pid"]


async def test_a_process_per_user_is_told_its_user_and_a_shared_one_is_not(make_client):
    client = await make_client(upstream_per="user")
    told = await client.json("environment", sub="alice")
    assert told["SALLYPORT_SUBJECT"] == "alice"
    assert told["SALLYPORT_ISSUER"] == client.service.issuer.url
    shared = await (await make_client()).json("environment", sub="alice")
    assert "alice" not in json.dumps(shared)


async def test_requests_without_a_token_share_a_process_that_has_no_user(make_client):
    scopes = {"scopes": {"mcp:tools": "Use"}, "default": "mcp:tools", "tools": {"environment": "public"}}
    client = await make_client(upstream_per="user", allow_anonymous=True, scopes=json.dumps(scopes))
    told = [await client.json("environment", headers={"Authorization": ""}) for _ in range(2)]
    assert not [name for name in told[0] if name.startswith("SALLYPORT_")]
    assert (await client.json("environment", sub="alice"))["SALLYPORT_SUBJECT"] == "alice"
    assert len([entry for entry in client.service.logs if entry["event"] == "upstream_started"]) == 2


async def result(client, user, **claims):
    return (await content(await client.tool("echo", sub=user, **claims)))["result"]["structuredContent"]
