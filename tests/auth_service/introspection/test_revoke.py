"""POST /token/revoke (RFC 7009): a client gives back what is its own, and learns nothing of what is not."""

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.protocol.opaque import new_secret
from tests.support.oauth import unverified_claims

METHODS = ["none", "client_secret_basic", "client_secret_post"]


async def grant_of(auth, tokens):
    return await auth.grants.find(unverified_claims(tokens["access_token"])["gid"])


@pytest.mark.parametrize("method", METHODS)
async def test_a_refresh_token_ends_its_grant_and_every_token_of_it(auth, method):
    client = await auth.register(method=method)
    tokens = await auth.tokens(client)
    answer = await auth.revoke(client, tokens["refresh_token"])
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Cache-Control"] == "no-store"
    assert (await grant_of(auth, tokens)).ended_reason == "revoked_by_client"
    assert (await auth.refresh(client, tokens["refresh_token"])).json["error"] == "invalid_grant"
    user = await auth.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert user.status == 401


async def test_an_access_token_ends_its_grant_and_every_token_of_it(auth, client):
    """RFC 7009 section 2.1: a server that can should revoke the refresh token too."""
    tokens = await auth.tokens(client, scope="openid")
    assert (await auth.revoke(client, tokens["access_token"])).status == 200
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await auth.get("/userinfo", headers=headers)).status == 401
    assert (await auth.refresh(client, tokens["refresh_token"])).json["error"] == "invalid_grant"
    assert (await grant_of(auth, tokens)).ended_reason == "revoked_by_client"


async def test_a_replaced_refresh_token_ends_the_grant_too(auth, client):
    """The answer with its successor was lost, and the client gives back what it has."""
    tokens = await auth.tokens(client)
    await auth.refresh(client, tokens["refresh_token"])
    await auth.revoke(client, tokens["refresh_token"])
    assert (await grant_of(auth, tokens)).status is GrantStatus.ENDED


async def test_a_guess_with_the_right_grant_id_ends_nothing(auth, client):
    tokens = await auth.tokens(client)
    grant_id, generation, _, mark = tokens["refresh_token"].split(".")
    assert (await auth.revoke(client, f"{grant_id}.{generation}.{new_secret()}.{mark}")).status == 200
    assert (await grant_of(auth, tokens)).status is GrantStatus.LIVE


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
@pytest.mark.parametrize("method", METHODS)
async def test_another_clients_token_is_left_alone_and_the_answer_is_the_same(auth, client, kind, method):
    tokens = await auth.tokens(client, scope="openid")
    other = await auth.register(method=method)
    answer = await auth.revoke(other, tokens[kind])
    assert (answer.status, answer.body) == (200, b"")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await auth.get("/userinfo", headers=headers)).status == 200
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "a.b.c.d", "\u00e9", "x" * 60_000, "{}", "eyJhbGciOiJub25lIn0.e30."])
async def test_an_unknown_token_is_200(auth, client, token):
    """RFC 7009 section 2.2."""
    assert (await auth.revoke(client, token)).status == 200


async def test_a_token_can_be_revoked_twice(auth, client):
    tokens = await auth.tokens(client)
    assert [(await auth.revoke(client, tokens["refresh_token"])).status for _ in range(2)] == [200, 200]


async def test_a_missing_token_is_invalid_request(auth, client):
    answer = await auth.revoke(client, "")
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_an_unknown_client_revokes_nothing(auth, client):
    tokens = await auth.tokens(client)
    answer = await auth.post("/token/revoke", {"token": tokens["refresh_token"], "client_id": "nobody"})
    assert (answer.status, answer.json["error"]) == (401, "invalid_client")
    assert (await grant_of(auth, tokens)).status is GrantStatus.LIVE
