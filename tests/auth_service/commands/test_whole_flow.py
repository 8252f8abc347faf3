"""A person lets clients in, strangers try things; then the operator reads, explains and revokes."""

import asyncio
import json

import pytest

from shared.redis.client import SingleRedisClient
from tests.support.person_at_service import CALLBACK, PASSWORD, VERIFIER, Service

ADA = "ada"


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
async def service(service_store):
    async with Service(service_store) as running:
        await running.users.add(ADA, PASSWORD)
        yield running


async def test_explain_tells_the_private_reason_and_what_to_do(service, service_store, operator):
    async with service.browser() as stranger:
        refused = await stranger.token(grant_type="refresh_token", refresh_token="x", client_id="unknown")
    await wait_for_entry(service_store, "sp:{errors}:log")
    explained = await operator.json("explain", refused["request_id"])
    assert (explained["error_id"], explained["status"], explained["route"]) == ("client_known", "401", "/token")
    assert explained["reason"] != refused["error_description"]
    assert "add it again" in explained["remedy"]
    text = (await operator.run("explain", refused["request_id"].upper())).stdout
    assert "client_known" in text


async def test_an_unknown_reference_is_said(service, operator):
    result = await operator.run("explain", "abcdefghjk")
    assert result.exit_code == 1
    assert "log" in result.stderr


async def test_grants_are_listed_and_revoked_by_user_client_and_resource(service, operator):
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        first, second = await service.register("One"), await service.register("Two", "https://two.example/cb")
        tokens = await ada.allow(first)
        await ada.allow(second, redirect_uri="https://two.example/cb")
        listed = await operator.json("grants", "list", "--user", "ADA")
        assert {g["client_id"] for g in listed} == {first, second}
        assert len(await operator.json("grants", "list")) == 2
        (one,) = await operator.json("grants", "list", "--client", first)
        assert await operator.json("grants", "list", "--resource", "https://other.example/mcp") == []
        assert (await operator.run("grants", "revoke")).exit_code == 2
        assert (await operator.run("grants", "revoke", one["grant"])).exit_code == 1, "asks first"
        ended = await operator.json("grants", "revoke", one["grant"], "--yes")
        assert ended == {"ended": [one["grant"]]}
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": first}
        assert (await ada.token(**refresh))["error"] == "invalid_grant"
        assert await operator.json("grants", "revoke", "--user", ADA, "--yes") != {"ended": []}
        assert await operator.json("grants", "list") == []


async def test_removing_a_user_ends_grants_and_sessions(service, operator):
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        client = await service.register("One")
        tokens = await ada.allow(client)
        assert (await operator.json("users", "remove", ADA, "--yes"))["result"] == "removed"
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"], "client_id": client}
        assert (await ada.token(**refresh))["error"] == "invalid_grant"
        assert (await ada.get("/account")).path == "/sign-in"


async def test_a_new_password_signs_every_browser_out(service, operator):
    async with service.browser() as ada:
        await ada.sign_in(ADA)
        await operator.json("users", "set-password", ADA, "--generate")
        assert (await ada.get("/account")).path == "/sign-in"


async def test_no_secret_of_a_whole_flow_is_in_the_audit_log_or_among_the_refusals(service, service_store, operator):
    """Invariants 4 and 9: every secret that any party held is looked for in both streams."""
    secrets = {PASSWORD, VERIFIER}
    async with service.browser() as ada:
        await ada.sign_in(ADA, password="a password mistyped")
        await ada.sign_in("my password by mistake", password="x")
        secrets |= {"a password mistyped", "my password by mistake"}
        await ada.sign_in(ADA)
        body = {"client_name": "C", "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "client_secret_post"}
        registered = await (await ada.http.post("/register", json=body)).json()
        secrets |= {registered["client_secret"], registered["registration_access_token"]}
        client = await service.register("Public")
        tokens = await ada.allow(client)
        refresh = {"grant_type": "refresh_token", "client_id": client}
        newer = await ada.token(**refresh, refresh_token=tokens["refresh_token"])
        for held in (tokens, newer):
            secrets |= {held["access_token"], held["refresh_token"]}
            secrets |= set(held["refresh_token"].split(".")[2:])
        await ada.token(grant_type="authorization_code", code="guessed-code", code_verifier=VERIFIER, client_id=client)
        await ada.token(**refresh, refresh_token=f"{newer['refresh_token']}x")
        wrong = {"client_id": registered["client_id"], "client_secret": "guessed-secret"}
        await ada.token(**refresh | wrong, refresh_token=newer["refresh_token"])
        await ada.http.post("/token/introspect", data=wrong | {"token": newer["access_token"]})
        await ada.http.post("/token/revoke", data={"client_id": client, "token": newer["refresh_token"]})
        secrets |= {"guessed-code", "guessed-secret"}
        secrets |= {cookie.value for cookie in ada.http.session.cookie_jar}
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
