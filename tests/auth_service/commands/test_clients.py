"""`clients` from the operator's seat."""

import asyncio

import pytest

from auth_service.clients.repository import ClientRepository
from shared.redis.single import SingleRedisClient

CALLBACK = "https://vertexaisearch.cloud.google.com/oauth-redirect"


def test_a_public_client_is_added_listed_shown_and_removed(commands):
    added = commands.json("clients", "add", "--name", "Notes app", "--redirect-uri", CALLBACK, "--id", "notes-app")
    assert (added["result"], added["authentication"], added["expires"]) == ("added", "none", None)
    assert "client_secret" not in added
    (listed,) = commands.json("clients", "list")
    assert listed == commands.json("clients", "show", "notes-app")
    assert (listed["client_id"], listed["redirect_uris"]) == ("notes-app", [CALLBACK])
    assert commands.json("clients", "remove", "notes-app", "--yes")["result"] == "removed"
    assert commands.json("clients", "list") == []
    assert commands.run("clients", "show", "notes-app").exit_code == 1


@pytest.mark.invariant(4)
def test_a_secret_is_shown_once_and_kept_as_a_hash_only(commands, environment):
    """Invariant 4. Gemini Enterprise takes only clients of this kind."""
    added = commands.json("clients", "add", "--name", "Gemini", "--redirect-uri", CALLBACK, "--secret")
    secret = added["client_secret"]
    assert len(secret) >= 43
    assert secret not in str(commands.json("clients", "show", added["client_id"]))

    async def kept():
        store = SingleRedisClient(environment["AUTH_REDIS_URL"])
        fields = await store.command("HGETALL", f"sp:{{client:{added['client_id']}}}")
        await store.close()
        return fields

    assert secret not in str(asyncio.run(kept()))


def test_a_resource_server_that_introspects_needs_no_redirect_uri(commands):
    added = commands.json(
        "clients", "add", "--name", "Notes server", "--secret", "--introspects", "http://LOCALHOST:9001/mcp/"
    )
    assert added["introspects"] == ["http://localhost:9001/mcp"]
    assert added["redirect_uris"] == []


def test_a_client_with_keys_and_a_fence(commands):
    added = commands.json(
        "clients", "add", "--name", "A", "--redirect-uri", CALLBACK, "--jwks-uri", "https://a.example/jwks",
        "--scope", "notes:read  openid",
    )  # fmt: skip
    assert (added["authentication"], added["jwks_uri"]) == ("private_key_jwt", "https://a.example/jwks")
    assert added["scope"] == "notes:read openid"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--redirect-uri", "javascript:alert(1)"), "never a redirect"),
        (("--redirect-uri", "someapp://cb"), "not on the list"),
        (("--redirect-uri", CALLBACK, "--redirect-uri", "someapp://cb"), "someapp://cb"),
        ((), "--redirect-uri"),
        (("--introspects", "http://localhost:9001/mcp"), "must authenticate"),
        (("--introspects", "http://other.example/mcp", "--secret"), "AUTH_RESOURCES"),
        (("--redirect-uri", CALLBACK, "--id", "a b"), "letters, digits"),
        (("--redirect-uri", CALLBACK, "--secret", "--jwks-uri", "https://a.example/jwks"), "either"),
        (("--redirect-uri", CALLBACK, "--jwks-uri", "http://a.example/jwks"), "https"),
        (("--redirect-uri", CALLBACK, "--scope", 'a"b'), "scope"),
        (("--redirect-uri", CALLBACK, "--name", "\u202e"), "no visible characters"),
    ],
)
def test_a_client_that_cannot_be_added_is_explained_and_not_stored(commands, arguments, says):
    result = commands.run("clients", "add", "--name", "App", *arguments)
    assert result.exit_code == 1
    assert says in result.stderr
    assert commands.json("clients", "list") == []


def test_a_taken_id_is_said_with_status_one_and_the_client_stays(commands):
    arguments = ("clients", "add", "--redirect-uri", CALLBACK, "--id", "app")
    commands.json(*arguments, "--name", "First")
    result = commands.run(*arguments, "--name", "Second")
    assert (result.exit_code, "already" in result.stderr) == (1, True)
    assert commands.json("clients", "show", "app")["client_name"] == "First"


def test_an_unknown_client_is_said_with_status_one(commands):
    for arguments in (("show", "nobody"), ("remove", "nobody", "--yes"), ("show", "*"), ("show", "")):
        result = commands.run("clients", *arguments)
        assert (result.exit_code, "no client" in result.stderr) == (1, True)


def test_registrations_are_listed_apart(commands, environment):
    from tests.auth_service.clients.test_repository import record

    async def register():
        store = SingleRedisClient(environment["AUTH_REDIS_URL"])
        now = int((await store.command("TIME"))[0])
        await ClientRepository(store).add(record(now), now=now)
        await store.close()

    asyncio.run(register())
    assert commands.json("clients", "list") == []
    assert [c["client_id"] for c in commands.json("clients", "list", "--registered")] == ["own-abc"]
    assert commands.json("clients", "remove", "own-abc", "--yes")["result"] == "removed"
