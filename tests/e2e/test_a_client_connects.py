"""The first steps with a deployment: point a client at the address, sign in, allow, call a tool."""

import asyncio
import json

import pytest

from tests.e2e.sdk_client import Memory, connected
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(params=["2026-07-28", "legacy", "auto"])
def wire(request):
    return request.param


def text_of(result):
    assert not result.is_error, result
    return " ".join(block.text for block in result.content)


async def test_the_sdk_client_discovers_the_issuer_and_calls_a_tool(pair, user, wire):
    async with connected(pair.resource, user, wire=wire) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        assert {"whoami", "list_notes", "add_note", "delete_note"} <= listed
        assert await pair.subject_of("alice") in text_of(await client.call_tool("whoami", {}))
    assert len(user.pages) >= 2, "the user was asked to sign in and to decide"


async def test_one_decision_of_the_user_covers_every_tool_of_the_example(pair, user, wire):
    memory = Memory()
    async with connected(pair.resource, user, memory=memory, wire=wire) as client:
        await client.call_tool("list_notes", {})
        seen = len(user.pages)
        assert text_of(await client.call_tool("add_note", {"text": f"buy milk ({wire})"}))
        assert f"buy milk ({wire})" in text_of(await client.call_tool("list_notes", {}))
    assert len(user.pages) == seen


async def test_a_client_that_connects_again_needs_no_user(pair, user):
    memory = Memory()
    async with connected(pair.resource, user, memory=memory) as client:
        await client.call_tool("whoami", {})
    seen = len(user.pages)
    async with connected(pair.resource, user, memory=memory) as client:
        assert await pair.subject_of("alice") in text_of(await client.call_tool("whoami", {}))
    assert len(user.pages) == seen


async def test_a_refused_client_gets_nothing(pair):
    async with user_agent(pair.username, pair.password, decision="deny") as user:
        memory = Memory()
        with pytest.raises(BaseExceptionGroup):
            async with connected(pair.resource, user, memory=memory):
                pass
        assert memory.tokens is None


async def test_two_users_see_their_own_notes_only(pair, user):
    await pair.add_user("bob", "another quiet lantern by the weir")
    async with user_agent("bob", "another quiet lantern by the weir") as bob:
        memories = Memory(), Memory()
        scope = "notes:read notes:write"
        async with connected(pair.resource, user, memory=memories[0], scope=scope) as of_alice:
            await of_alice.call_tool("add_note", {"text": "the secret of alice"})
            async with connected(pair.resource, bob, memory=memories[1], scope=scope) as of_bob:
                assert "the secret of alice" not in text_of(await of_bob.call_tool("list_notes", {}))
            assert "the secret of alice" in text_of(await of_alice.call_tool("list_notes", {}))


async def test_concurrent_clients_each_get_a_registration_of_their_own(pair):
    async def one():
        async with (
            user_agent(pair.username, pair.password) as user,
            connected(pair.resource, user) as client,
        ):
            return text_of(await client.call_tool("whoami", {}))

    answers = await asyncio.gather(*(one() for _ in range(4)))
    subject = await pair.subject_of("alice")
    assert all(subject in answer for answer in answers)
    assert len({json.loads(answer)["client_id"] for answer in answers}) == len(answers)
