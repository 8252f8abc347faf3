"""Two services that disagree about the scopes: both say so, stay ready, and name what is missing."""

import asyncio
import json

import aiohttp
import pytest

from tests.e2e.local_pair import LocalPair

MORE = {
    "scopes": {
        "notes:read": "Read",
        "notes:write": {"description": "Write", "implies": ["notes:read"]},
        "notes:all": "All",
    },
    "default": "notes:read",
}


async def scopes_check(http, url):
    """The check of `/readyz`, as soon as it says something."""
    async with asyncio.timeout(15):
        while True:
            async with http.get(f"{url}/readyz") as response:
                document = await response.json()
            if document["checks"]["scopes"]["note"]:
                return response.status, document["impaired"], document["checks"]["scopes"]["note"]
            await asyncio.sleep(0.05)


@pytest.fixture
async def http():
    async with aiohttp.ClientSession() as session:
        yield session


async def test_each_service_names_the_scopes_that_the_other_does_not_know(http):
    async with LocalPair(MCP_SCOPES=json.dumps(MORE)) as pair:
        of_issuer, of_guard = await asyncio.gather(
            scopes_check(http, pair.issuer), scopes_check(http, pair.resource.removesuffix("/mcp"))
        )
    assert of_issuer[:2] == of_guard[:2] == (200, ["scopes"])
    assert f"{pair.resource}: the resource requires notes:all, which the authorization server does not" in of_issuer[2]
    assert of_guard[2] == "the issuer does not list notes:all: no client can get it"
