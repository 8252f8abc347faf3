"""The official conformance suite's authorization server scenarios against auth_service; a user agent signs in."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from tests.e2e.pair import Pair
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

REVISIONS = ("2025-11-25", "2026-07-28")
SCENARIOS = {"authorization-server-metadata-endpoint", "authorization-code-grant"}

pytestmark = [pytest.mark.npm, pytest.mark.timeout(600)]


@pytest.fixture
async def pair():
    """Both services as processes."""
    pair = Pair()
    try:
        await pair.start()
        yield pair
    finally:
        await pair.close()


async def register(issuer, redirect_uri):
    """A public client's new id."""
    metadata = {"client_name": "Conformance", "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
    async with aiohttp.ClientSession() as session, session.post(f"{issuer}/register", json=metadata) as answer:
        return (await answer.json())["client_id"]


async def authorize_when_asked(output, issuer, pair):
    """Sign in at the URL that the suite prints and take the answer to its callback; everything that it printed."""
    printed = []
    async for line in output:
        printed.append(line.decode().strip())
        if printed[-1].startswith(f"{issuer}/authorize?"):
            async with user_agent(pair.username, pair.password) as user, aiohttp.ClientSession() as session:
                await user.authorize(printed[-1])
                async with session.get(str(user.callback)) as answer:
                    await answer.read()
    return "\n".join(printed)


@pytest.mark.parametrize("revision", REVISIONS)
async def test_all_authorization_server_scenarios_pass(packages, tmp_path, pair, revision):
    port = free_port(("127.0.0.1",))
    client_id = await register(pair.issuer, f"http://127.0.0.1:{port}/callback")
    arguments = {
        "--url": pair.issuer,
        "--client-id": client_id,
        "--resource": pair.resource,
        "--port": str(port),
        "--spec-version": revision,
        "--output-dir": str(tmp_path),
    }
    process = await asyncio.create_subprocess_exec(
        str(packages / ".bin/node"),
        str(packages / "@modelcontextprotocol/conformance/dist/index.js"),
        "authorization",
        *(word for option in arguments.items() for word in option),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        printed = await asyncio.wait_for(authorize_when_asked(process.stdout, pair.issuer, pair), 60)
        status = await asyncio.wait_for(process.wait(), 10)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    checks = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.rglob("checks.json")}
    assert all(any(scenario in folder for folder in checks) for scenario in SCENARIOS), printed
    assert [c for scenario in checks.values() for c in scenario if c["status"] not in {"SUCCESS", "INFO"}] == []
    assert status == 0
