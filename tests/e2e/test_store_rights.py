"""The whole service, its user of the store having the rights that docs/operations.md names, and no more."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from devstack.embedded_store import EmbeddedStore
from shared.redis.single import SingleRedisClient
from tests.support.plain_client import PlainClient
from tests.support.topologies import documented_rights
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.long


@pytest.fixture
async def url_with_rights():
    directory = Path(tempfile.mkdtemp(prefix="sp-"))
    with EmbeddedStore(directory) as embedded:
        root = SingleRedisClient(embedded.url)
        rights, _of_cluster = documented_rights()
        await root.command("ACL", "SETUSER", "service", "reset", "on", ">secret", "~sp:*", "&sp:*", *rights.split())
        # No other user may connect, so that a connection without the user's name would be noticed.
        await root.command("ACL", "SETUSER", "default", "off")
        yield embedded.url.replace("unix://", "unix://service:secret@") + "?db=0"
        await root.close()
    shutil.rmtree(directory, ignore_errors=True)


async def test_the_documented_rights_suffice_for_every_operation(make_pair, url_with_rights):
    pair = await make_pair(own={"AUTH_REDIS_URL": url_with_rights, "AUTH_REFRESH_TOKEN_REUSE_INTERVAL": "0"})
    async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
        tokens = await client.tokens(user)
        assert (await client.call_tool(tokens["access_token"]))[0] == 200
        await pair.command("keys", "rotate")
        newest = tokens["refresh_token"]
        for _ in range(2):
            status, fresh = await client.token_request(grant_type="refresh_token", refresh_token=newest)
            assert status == 200, fresh
            newest = fresh["refresh_token"]
            assert (await client.call_tool(fresh["access_token"]))[0] == 200
        # One from before the last comes back: the grant ends.
        for spent in (tokens["refresh_token"], newest):
            status, answer = await client.token_request(grant_type="refresh_token", refresh_token=spent)
            assert (status, answer["error"]) == (400, "invalid_grant")
    events = {json.loads(line)["event"] for line in (await pair.command("audit", "--json")).splitlines()}
    assert {"user.added", "key.created", "token.refresh_reused"} <= events
    for arguments in (
        ("grants", "list", "--user", pair.username),
        ("clients", "list"),
        ("keys", "list"),
        ("check-config",),
    ):
        await pair.command(*arguments)
    await pair.command("users", "remove", pair.username, "--yes")
    faults = [line for line in pair.log(pair.auth[0]) if line["level"] in {"warning", "error"}]
    assert faults == []
