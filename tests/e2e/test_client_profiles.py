"""Every client of the field connects at the first try: one row of client_profiles.py per test, no network."""

import json

import pytest
import pytest_asyncio

from mcp_service.notes.scopes import NOTES_SCOPES
from tests.e2e.client_profiles import PROFILES
from tests.e2e.local_pair import LocalPair
from tests.e2e.profile_journey import Journey

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def local_pair():
    # A first session that may only read, so that each client steps up.
    reading = {name: value for name, value in NOTES_SCOPES.items() if name != "initial"}
    async with LocalPair(MCP_SCOPES=json.dumps(reading)) as running:
        yield running


@pytest.mark.parametrize("profile", PROFILES, ids=str)
async def test_the_client_connects_calls_refreshes_and_steps_up(local_pair, profile):
    async with (
        await local_pair.add_user_agent(f"user-{PROFILES.index(profile)}") as user,
        Journey(profile, local_pair, user) as client,
    ):
        await client.discover()
        await client.identify()
        tokens = await client.authorize(client.asked_scope())
        assert "notes:read" in tokens["scope"].split()
        assert (await client.call("list_notes", {}, tokens))[0] == 200

        tokens = await client.refresh(tokens)
        assert (await client.call("list_notes", {}, tokens))[0] == 200

        status, challenge = await client.call("add_note", {"text": f"by {profile}"}, tokens)
        if "notes:write" in tokens["scope"].split():
            assert status == 200
            return
        # Step-up (interop.md R6): one challenge names everything that is needed, what is granted already included.
        assert (status, challenge["error"]) == (403, "insufficient_scope")
        assert {"notes:read", "notes:write"} <= set(challenge["scope"].split())
        tokens = await client.authorize(challenge["scope"])
        assert (await client.call("add_note", {"text": f"by {profile}"}, tokens))[0] == 200
        assert (await client.call("list_notes", {}, await client.refresh(tokens)))[0] == 200


async def test_every_row_of_the_table_has_a_name_of_its_own():
    assert len({profile.name for profile in PROFILES}) == len(PROFILES)
