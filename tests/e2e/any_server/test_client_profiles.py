"""Clients of the field at a server that is not in the guard's process: a row of each kind of client."""

import shlex
import sys
from functools import partial

import pytest
import pytest_asyncio

import auth_service.wiring
from auth_service.users.passwords import PasswordHasher
from tests.e2e.any_server.foreign_server import SCRIPTS
from tests.e2e.client_profiles import PROFILES
from tests.e2e.foreign_process import serving
from tests.e2e.local_pair import LocalPair
from tests.e2e.pair import READING_FIRST
from tests.e2e.profile_journey import Journey
from tests.support.auth_server import CHEAP
from tests.support.free_ports import free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHOSEN = {
    "ChatGPT by document, with its key",
    "Claude hosted by registration",
    "Microsoft Copilot Studio",
    "Cursor of old, without state",
    "MCP Inspector in the browser",
    "mcp-remote",
}
COMMAND = [sys.executable, str(SCRIPTS / "notes.py")]


@pytest.fixture(autouse=True, scope="module")
def cheap_passwords():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_service.wiring, "PasswordHasher", partial(PasswordHasher, parameters=CHEAP))
        yield


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def over_http(cheap_passwords):
    port = free_port(("127.0.0.1",))
    upstream = {"MCP_UPSTREAM": f"http://127.0.0.1:{port}/mcp"}
    async with serving(port, *COMMAND, port), LocalPair(**READING_FIRST, **upstream) as pair:
        yield pair


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def on_stdio(cheap_passwords):
    upstream = {"MCP_UPSTREAM_COMMAND": shlex.join([*COMMAND, "stdio"])}
    async with LocalPair(**READING_FIRST, **upstream) as pair:
        yield pair


@pytest.fixture(params=["over_http", "on_stdio"])
def pair(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize("profile", [row for row in PROFILES if row.name in CHOSEN], ids=str)
async def test_the_client_connects_calls_refreshes_and_steps_up(pair, profile):
    name = f"user-{PROFILES.index(profile)}"
    async with await pair.add_user_agent(name) as user, Journey(profile, pair, user) as client:
        await client.call_refresh_and_step_up(await client.connect())


async def test_every_chosen_client_is_in_the_table():
    assert {profile.name for profile in PROFILES} >= CHOSEN
