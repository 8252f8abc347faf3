"""Python clients that restart with stored tokens refresh at the origin of the resource (interop.md F21)."""

import asyncio
import json
import subprocess
import venv
from dataclasses import dataclass, field

import aiohttp
import pytest

from tests.e2e.test_third_party_clients import FASTMCP, SCRIPTS, Program, as_json
from tests.support.node_packages import BUILD
from tests.support.user_agent import user_agent

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600)]

SDK, FAST = "restarted_sdk_client.py", "restarted_fastmcp_client.py"
CLIENTS = {
    # Later releases of pydantic lack a name that this version imports.
    "mcp 1.9": (SDK, ["mcp==1.9.4", "pydantic==2.11.7"]),
    "mcp 1.30": (SDK, ["mcp==1.30.0"]),
    "mcp 2.3": (SDK, ["mcp==2.3.0"]),
    "FastMCP 2": (FAST, ["fastmcp==2.14.7", "aiofile==3.12.3"]),
    "FastMCP 4": (FAST, [FASTMCP]),
}


@pytest.fixture(scope="session")
def pythons():
    """For each client a Python that has it."""
    found = {}
    for name, (_, packages) in CLIENTS.items():
        directory = BUILD / "restarted-clients" / name.replace(" ", "-")
        found[name] = directory / "bin/python"
        if not found[name].exists():
            venv.create(directory, with_pip=True)
        subprocess.run([found[name], "-m", "pip", "install", "--quiet", *packages], check=True, timeout=540)
    return found


@dataclass
class Journey:
    """The messages of one process, and the number of sign-ins that it asked for."""

    sign_ins: int = 0
    steps: dict[str, dict[str, object]] = field(default_factory=dict)


async def run(pair, name, python, home, phase):
    journey = Journey()
    script = SCRIPTS / CLIENTS[name][0]
    async with (
        user_agent(pair.username, pair.password) as user,
        Program(SCRIPTS, script, pair.resource, home, phase, home=home, program=python) as process,
    ):
        while "done" not in journey.steps:
            # Sixty seconds pass until the token expires.
            message = await process.wait_for(as_json, seconds=120)
            if "visit" not in message:
                journey.steps[message.pop("step")] = message
                continue
            journey.sign_ins += 1
            parameters = await user.authorize(await redirected(message["visit"], pair))
            if script.name == SDK:
                process.send(json.dumps(parameters))
            else:
                assert user.callback is not None
                async with aiohttp.ClientSession() as browser, browser.get(user.callback) as response:
                    assert response.status < 400
    return journey


async def redirected(url, pair):
    """The address at which the browser arrives: the oldest client sends it to the origin of the resource."""
    if url.startswith(pair.issuer):
        return url
    async with aiohttp.ClientSession() as browser, browser.get(url, allow_redirects=False) as response:
        assert response.status == 302, await response.text()
        return response.headers["Location"]


async def restart(pair, name, python, home):
    """The journeys of two processes, the second of which lives longer than its stored token."""
    home.mkdir()
    return await run(pair, name, python, home, "first"), await run(pair, name, python, home, "again")


async def test_a_restarted_client_refreshes_without_another_sign_in(make_pair, pythons, tmp_path):
    pair = await make_pair(own={"AUTH_ACCESS_TOKEN_TTL": "60"})
    journeys = await asyncio.gather(*(restart(pair, n, p, tmp_path / n.replace(" ", "-")) for n, p in pythons.items()))
    for name, (first, again) in zip(pythons, journeys, strict=True):
        assert (first.sign_ins, again.sign_ins) == (1, 0), name
        assert again.steps["renewed"] == {"another": True}, name
    forwarded = [line for line in pair.log(pair.mcp[0]) if line.get("route") == "/token"]
    assert [line["status"] for line in forwarded].count(200) >= len(CLIENTS)
