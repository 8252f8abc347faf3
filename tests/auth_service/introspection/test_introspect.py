"""POST /token/introspect (RFC 7662): an authenticated caller, and no word about a token that is not active."""

import base64
import json

import pytest

from auth_service.clients.authenticator import hash_secret
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from tests.support.auth_server import FILES, ISSUER, LOOPBACK, NOTES, Client
from tests.support.oauth import unverified_claims

INACTIVE = {"active": False}


@pytest.fixture
async def owner(auth):
    """A confidential client that holds tokens."""
    return await auth.register(method="client_secret_basic")


async def resource_server(auth, introspects):
    record = StoredClient(
        client_id="rs",
        kind=ClientKind.PRE_REGISTERED,
        metadata=ClientMetadata((LOOPBACK,), ("authorization_code",), "client_secret_basic"),
        created_at=0,
        expires_at=None,
        secret_hash=hash_secret("s"),
        introspects=frozenset(introspects),
    )
    await ClientRepository(auth.store).add(record, now=0)
    return Client("rs", LOOPBACK, "s", "client_secret_basic")


async def test_the_owner_learns_what_its_access_token_is(auth, owner):
    token = (await auth.tokens(owner))["access_token"]
    answer = await auth.introspect(owner, token)
    claims = unverified_claims(token)
    assert answer.json == {
        "active": True,
        "token_type": "Bearer",
        "iss": ISSUER,
        "sub": claims["sub"],
        "aud": NOTES,
        "client_id": owner.client_id,
        "scope": "notes:read",
        "iat": claims["iat"],
        "exp": claims["exp"],
        "jti": claims["jti"],
    }
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_owner_learns_that_its_refresh_token_is_good(auth, owner):
    tokens = await auth.tokens(owner)
    answer = (await auth.introspect(owner, tokens["refresh_token"])).json
    assert (answer["active"], answer["client_id"], answer["aud"]) == (True, owner.client_id, NOTES)


async def test_a_replaced_refresh_token_is_inactive(auth, owner):
    tokens = await auth.tokens(owner)
    await auth.refresh(owner, tokens["refresh_token"])
    assert (await auth.introspect(owner, tokens["refresh_token"])).json == INACTIVE


class TestUse:
    """A use that the server sees is shown to the user; it costs at most one write in ten minutes."""

    async def used(self, auth, tokens):
        return (await auth.grants.find(unverified_claims(tokens["access_token"])["gid"])).used_at

    @pytest.mark.parametrize("seen", ["introspection", "userinfo"])
    async def test_an_access_token_that_is_asked_about_is_used(self, auth, owner, seen):
        tokens = await auth.tokens(owner, scope="openid")
        await auth.age_grant(unverified_claims(tokens["access_token"])["gid"], 3600)
        before = await self.used(auth, tokens)
        if seen == "introspection":
            assert (await auth.introspect(owner, tokens["access_token"])).json["active"]
        else:
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            assert (await auth.get("/userinfo", headers=headers)).status == 200
        after = await self.used(auth, tokens)
        assert after > before
        await auth.introspect(owner, tokens["access_token"])
        assert await self.used(auth, tokens) == after

    async def test_a_rejected_query_and_one_about_a_refresh_token_are_not_recorded_as_use(self, auth, owner):
        """Nor is the question of a client about its own refresh token."""
        tokens = await auth.tokens(owner)
        await auth.age_grant(unverified_claims(tokens["access_token"])["gid"], 3600)
        before = await self.used(auth, tokens)
        other = await auth.register(method="client_secret_basic")
        assert (await auth.introspect(other, tokens["access_token"])).json == INACTIVE
        assert (await auth.introspect(owner, tokens["refresh_token"])).json["active"]
        assert await self.used(auth, tokens) == before


class TestAuthorizedCallers:
    async def test_a_caller_without_a_credential_is_refused(self, auth, client):
        """RFC 7662 section 2.1: else any caller could try out stolen tokens."""
        token = (await auth.tokens(client))["access_token"]
        answer = await auth.introspect(client, token)
        assert (answer.status, answer.json["error"]) == (401, "invalid_client")

    async def test_a_client_that_may_leave_its_credential_out_has_to_bring_it_here(self, auth, client, monkeypatch):
        """ChatGPT's document offers both `none` and `private_key_jwt`: its public name is no credential."""
        token = (await auth.tokens(client))["access_token"]
        both = frozenset({"none", "private_key_jwt"})
        as_client = StoredClient.as_client
        monkeypatch.setattr(StoredClient, "as_client", lambda s: _with_methods(as_client(s), both))
        auth.monotonic.ahead += 10  # the resolver caches clients for a moment
        assert (await auth.introspect(client, token)).status == 401

    async def test_basic_with_an_empty_secret_is_no_credential(self, auth, client):
        empty = base64.b64encode(f"{client.client_id}:".encode()).decode()
        answer = await auth.post("/token/introspect", {"token": "x"}, headers={"Authorization": f"Basic {empty}"})
        assert answer.status == 401

    @pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer x"}, {"Authorization": "Basic eDp5"}])
    async def test_a_missing_and_an_unknown_caller_are_401(self, auth, headers):
        assert (await auth.post("/token/introspect", {"token": "x"}, headers=headers)).status == 401

    async def test_another_client_learns_nothing(self, auth, owner):
        tokens = await auth.tokens(owner)
        other = await auth.register(method="client_secret_post")
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert (await auth.introspect(other, token)).json == INACTIVE

    async def test_a_resource_server_learns_of_tokens_for_its_resource_only(self, auth, client):
        server = await resource_server(auth, [NOTES])
        notes = await auth.tokens(client)
        files = await auth.tokens(client, resource=FILES, scope=None)
        assert (await auth.introspect(server, notes["access_token"])).json["active"] is True
        assert (await auth.introspect(server, files["access_token"])).json == INACTIVE
        assert (await auth.introspect(server, notes["refresh_token"])).json == INACTIVE


class TestInactive:
    """RFC 7662 section 2.2: no reason is given."""

    @pytest.mark.parametrize(
        "token", ["x", "a.b.c", "a.b.c.d", ".." * 3000, "\u00e9", "eyJhbGciOiJub25lIn0.e30.", "x" * 60_000, " "]
    )
    async def test_a_foreign_token_is_inactive(self, auth, owner, token):
        answer = await auth.introspect(owner, token)
        assert (answer.status, answer.json) == (200, INACTIVE)

    @pytest.mark.parametrize("change", ["header", "payload", "signature", "none", "stripped"])
    async def test_a_forged_token_is_inactive(self, auth, owner, change):
        header, payload, signature = (await auth.tokens(owner))["access_token"].split(".")
        claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
        encoded = (
            base64.urlsafe_b64encode(json.dumps(claims | {"exp": claims["exp"] + 9}).encode()).rstrip(b"=").decode()
        )
        none = base64.urlsafe_b64encode(b'{"alg":"none","typ":"at+jwt","kid":"x"}').rstrip(b"=").decode()
        forged = {
            "header": f"{none}.{payload}.{signature}",
            "payload": f"{header}.{encoded}.{signature}",
            "signature": f"{header}.{payload}.{signature[::-1]}",
            "none": f"{none}.{payload}.",
            "stripped": f"{header}.{payload}",
        }[change]
        assert (await auth.introspect(owner, forged)).json == INACTIVE

    async def test_an_id_token_is_inactive(self, auth, owner):
        tokens = await auth.tokens(owner, scope="openid")
        assert (await auth.introspect(owner, tokens["id_token"])).json == INACTIVE

    async def test_an_expired_token_is_inactive(self, auth, owner):
        token = (await auth.tokens(owner))["access_token"]
        auth.clock.ahead += 3601
        assert (await auth.introspect(owner, token)).json == INACTIVE

    async def test_a_token_whose_grant_ended_is_inactive(self, auth, owner):
        tokens = await auth.tokens(owner)
        await auth.grants.end(unverified_claims(tokens["access_token"])["gid"], reason="by_hand")
        for token in (tokens["access_token"], tokens["refresh_token"]):
            assert (await auth.introspect(owner, token)).json == INACTIVE

    async def test_a_revoked_token_is_inactive(self, auth, owner):
        tokens = await auth.tokens(owner)
        await auth.revoke(owner, tokens["access_token"])
        assert (await auth.introspect(owner, tokens["access_token"])).json == INACTIVE
        assert (await auth.introspect(owner, tokens["refresh_token"])).json == INACTIVE


async def test_a_missing_token_is_invalid_request(auth, owner):
    answer = await auth.introspect(owner, "")
    assert (answer.status, answer.json["error"]) == (400, "invalid_request")


async def test_a_hint_is_tolerated(auth, owner):
    headers, _ = owner.credentials()
    form = {"token": (await auth.tokens(owner))["access_token"], "token_type_hint": "refresh_token"}
    assert (await auth.post("/token/introspect", form, headers=headers)).json["active"] is True


def _with_methods(client, methods):
    object.__setattr__(client, "authentication_methods", methods)
    return client
