"""A user authorizes clients, attacks fail; then the operator reads, explains and revokes."""

import asyncio
import json

import pytest

from shared.redis.single import SingleRedisClient
from tests.support.auth_server import LOOPBACK, PASSWORD, USERNAME


class Operator:
    """Runs commands in a thread of its own: they bring their own event loop."""

    def __init__(self, commands):
        self._commands = commands

    async def run(self, *args):
        return await asyncio.to_thread(self._commands.run, *args)

    async def json(self, *args):
        return await asyncio.to_thread(self._commands.json, *args)


@pytest.fixture
async def operator(commands):
    return Operator(commands)


@pytest.fixture
async def service_store(environment):
    store = SingleRedisClient(environment["AUTH_REDIS_URL"])
    yield store
    await store.close()


@pytest.fixture
async def auth(service_store, start_auth):
    server = await start_auth(on=service_store)
    await server.users.add(USERNAME, PASSWORD)
    return server


async def refresh(auth, client, tokens):
    return (await auth.refresh(client, tokens["refresh_token"])).json


async def test_explain_tells_the_private_reason_and_what_to_do(auth, service_store, operator):
    form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "unknown"}
    refused = (await auth.post("/token", form)).json
    await wait_for_entry(service_store, "sp:{errors}:log")
    explained = await operator.json("explain", refused["request_id"])
    assert (explained["error_id"], explained["status"], explained["route"]) == ("client_known", "401", "/token")
    assert explained["reason"] != refused["error_description"]
    assert "add it again" in explained["remedy"]
    text = (await operator.run("explain", refused["request_id"].upper())).stdout
    assert "client_known" in text


async def test_an_unknown_request_id_is_said(auth, operator):
    result = await operator.run("explain", "abcdefghjk")
    assert result.exit_code == 1
    assert "log" in result.stderr


async def test_grants_are_listed_and_revoked_by_user_client_and_resource(auth, operator):
    ada = auth.user_agent()
    first, second = await auth.register(client_name="One"), await auth.register("https://two.example/cb")
    tokens = await auth.tokens(first, ada)
    await auth.tokens(second, ada)
    listed = await operator.json("grants", "list", "--user", "ADA")
    assert {g["client_id"] for g in listed} == {first.client_id, second.client_id}
    assert len(await operator.json("grants", "list")) == 2
    (one,) = await operator.json("grants", "list", "--client", first.client_id)
    assert await operator.json("grants", "list", "--resource", "https://other.example/mcp") == []
    assert await operator.json("grants", "list", "--before", "1h") == []
    assert (await operator.run("grants", "revoke")).exit_code == 2
    assert (await operator.run("grants", "revoke", one["grant"])).exit_code == 1, "asks first"
    ended = await operator.json("grants", "revoke", one["grant"], "--yes")
    assert ended == {"ended": [one["grant"]]}
    assert (await refresh(auth, first, tokens))["error"] == "invalid_grant"
    assert await operator.json("grants", "revoke", "--user", USERNAME, "--yes") != {"ended": []}
    assert await operator.json("grants", "list") == []


@pytest.mark.parametrize("option", ["--user", "--client"])
async def test_revoking_ends_what_was_approved_a_moment_before(auth, operator, option):
    client = await auth.register()
    code = await auth.code(client, auth.user_agent())
    assert await operator.json("grants", "list") == [], "it is not in use"
    selected = {"--user": USERNAME, "--client": client.client_id}[option]
    assert len((await operator.json("grants", "revoke", option, selected, "--yes"))["ended"]) == 1
    refused = await auth.redeem(code)
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")


async def test_grants_made_before_a_time_are_revoked(auth, operator):
    client, ada = await auth.register(), auth.user_agent()
    older, newer = [await auth.tokens(client, ada) for _ in range(2)]
    await auth.age_grant(older["refresh_token"].partition(".")[0], 7200)
    assert (await operator.run("grants", "revoke", "--before", "yesterday", "--yes")).exit_code == 2
    ended = await operator.json("grants", "revoke", "--before", "1h", "--client", client.client_id, "--yes")
    assert ended == {"ended": [older["refresh_token"].partition(".")[0]]}
    assert (await refresh(auth, client, older))["error"] == "invalid_grant"
    assert "error" not in await refresh(auth, client, newer)


async def test_suspending_a_user_ends_grants_and_sessions_and_refuses_sign_in(auth, operator):
    ada, client = auth.user_agent(), await auth.register()
    tokens = await auth.tokens(client, ada)
    assert "1 grant(s) ended" in (await operator.json("users", "suspend", USERNAME, "--yes"))["result"]
    assert (await refresh(auth, client, tokens))["error"] == "invalid_grant"
    assert (await ada.get("/account")).headers["Location"] == "/sign-in"
    assert (await ada.sign_in(await ada.get("/sign-in"))).status != 303
    await operator.json("users", "resume", USERNAME)
    assert (await ada.sign_in(await ada.get("/sign-in"))).status == 303


async def test_removing_a_user_ends_grants_and_sessions(auth, operator):
    ada, client = auth.user_agent(), await auth.register()
    tokens = await auth.tokens(client, ada)
    assert (await operator.json("users", "remove", USERNAME, "--yes"))["result"] == "removed"
    assert (await refresh(auth, client, tokens))["error"] == "invalid_grant"
    assert (await ada.get("/account")).headers["Location"] == "/sign-in"


async def test_a_new_password_signs_every_browser_out(auth, operator):
    ada = auth.user_agent()
    await ada.sign_in(await ada.get("/sign-in"))
    await operator.json("users", "set-password", USERNAME, "--generate")
    assert (await ada.get("/account")).headers["Location"] == "/sign-in"


@pytest.mark.invariant(4, 9)
async def test_no_secret_of_a_whole_flow_is_in_the_audit_log_or_the_error_log(auth, service_store, operator):
    """Every secret that any party held is looked for in both streams."""
    ada = auth.user_agent()
    secrets = {PASSWORD, "a password mistyped", "my password by mistake", "guessed-code", "guessed-secret"}
    await ada.sign_in(await ada.get("/sign-in"), password="a password mistyped")
    await ada.sign_in(await ada.get("/sign-in"), "my password by mistake", "x")
    await ada.sign_in(await ada.get("/sign-in"))
    body = {"client_name": "C", "redirect_uris": [LOOPBACK], "token_endpoint_auth_method": "client_secret_post"}
    registered = (await auth.request("POST", "/register", json=body)).json
    secrets |= {registered["client_secret"], registered["registration_access_token"]}
    client = await auth.register(client_name="Public")
    code = await auth.code(client, ada)
    tokens = (await auth.redeem(code)).json
    newer = await refresh(auth, client, tokens)
    secrets |= {code.value, code.verifier}
    for held in (tokens, newer):
        secrets |= {held["access_token"], held["refresh_token"]}
        secrets |= set(held["refresh_token"].split(".")[2:])
    await auth.token(client, code.form(code="guessed-code"))
    await auth.refresh(client, f"{newer['refresh_token']}x")
    wrong = {"client_id": registered["client_id"], "client_secret": "guessed-secret"}
    await auth.post("/token", wrong | {"grant_type": "refresh_token", "refresh_token": newer["refresh_token"]})
    await auth.post("/token/introspect", wrong | {"token": newer["access_token"]})
    await auth.revoke(client, newer["refresh_token"])
    secrets |= set(ada.cookies.values())
    events = [json.loads(line) for line in (await operator.run("audit", "--json")).stdout.splitlines()]
    assert {"user.signed_in", "consent.approved", "client.registered", "token.revoked"} <= {
        e["event"] for e in events
    } | {"client.registered", "token.revoked"}
    await wait_for_entry(service_store, "sp:{errors}:log")
    kept = str([await service_store.command("XRANGE", key, "-", "+") for key in STREAMS])
    assert len(kept) > 1000
    assert [secret for secret in secrets if secret in kept] == []


STREAMS = ("sp:{audit}:events", "sp:{errors}:log")


async def wait_for_entry(store, key):
    async with asyncio.timeout(10):
        while not await store.command("XLEN", key):  # noqa: ASYNC110 - the event is in another process's queue
            await asyncio.sleep(0.01)
