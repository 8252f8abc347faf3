"""GET and POST /userinfo (OpenID Connect Core section 5.3): the claims that the token's scopes allow."""

import pytest

from auth_service.federation.identity import Identity, KnownIdentity
from auth_service.users.repository import UserRepository
from tests.support.auth_server import PASSWORD, USERNAME
from tests.support.federated import Federated, resources
from tests.support.oauth import unverified_claims


async def ask(auth, tokens, method="GET"):
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return await auth.request(method, "/userinfo", headers=headers)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    ("scope", "told"),
    [
        ("openid", {"sub"}),
        ("openid profile", {"sub", "preferred_username", "name"}),
        ("openid email", {"sub", "email", "email_verified"}),
    ],
)
async def test_the_response_has_the_claims_that_the_scopes_allow_and_no_others(auth, client, scope, told, method):
    tokens = await auth.tokens(client, scope=scope)
    answer = await ask(auth, tokens, method)
    assert answer.status == 200
    assert answer.json.keys() == told
    assert answer.json["sub"] == unverified_claims(tokens["access_token"])["sub"]
    assert answer.headers["Cache-Control"] == "no-store"


async def test_the_e_mail_address_is_told_as_verified_only_if_it_is(auth, client):
    answer = await ask(auth, await auth.tokens(client, scope="openid email"))
    assert answer.json["email_verified"] is True


ID_TOKEN = {"iss", "sub", "aud", "iat", "exp", "auth_time", "at_hash"}
EVERYTHING = "openid profile email notes:read"


class TestAfterASignInThroughAProvider:
    """docs/accounts.md: the account is told, the same subject everywhere, and the ID token contradicts nothing."""

    @pytest.fixture
    def federated(self, start_auth):
        return Federated(start_auth)

    async def test_an_account_of_the_provider_is_told_as_the_provider_states_it(self, federated):
        server = await federated.start(RESOURCES=resources(claims=["email"]))
        federated.state(name="Ada", email="ada@example.org", email_verified=True)
        tokens = await federated.tokens(server, await server.register(), scope=EVERYTHING)
        told = (await ask(server, tokens)).json
        of_id_token = unverified_claims(tokens["id_token"])
        of_access_token = unverified_claims(tokens["access_token"])
        assert told == {
            "sub": of_id_token["sub"],
            "preferred_username": "acme/ada@example.org",
            "name": "Ada",
            "email": "ada@example.org",
            "email_verified": True,
        }
        assert of_id_token.keys() == ID_TOKEN
        assert (of_access_token["sub"], of_access_token["email"]) == (told["sub"], told["email"])

    async def test_the_claims_of_an_account_with_a_password_are_the_operators_entries(self, federated):
        """An identity was linked to it: tools learn what its provider states, applications whose account it is."""
        server = await federated.start(RESOURCES=resources(claims=["email"]))
        user = await server.users.add(USERNAME, PASSWORD, name="Ada", email="ada@example.org", email_verified=True)
        linked = Identity("acme", "https://acme.example", "upstream-ada", authenticated_at=1)
        statement = KnownIdentity(linked, linked_at=1, signed_in_at=1).to_json()
        await UserRepository(server.store).link_identity(user.subject, linked.key, statement)
        federated.state(name="A. L.", email="al@acme.example", email_verified=True)
        tokens = await federated.tokens(server, await server.register(), scope=EVERYTHING)
        told = (await ask(server, tokens)).json
        assert {unverified_claims(tokens[name])["sub"] for name in ("id_token", "access_token")} == {user.subject}
        assert (told["sub"], told["name"], told["email"]) == (user.subject, "Ada", "ada@example.org")
        assert unverified_claims(tokens["access_token"])["email"] == "al@acme.example"


async def test_a_token_without_openid_is_403_and_the_missing_scope_is_named(auth, client):
    answer = await ask(auth, await auth.tokens(client))
    assert answer.status == 403
    assert answer.headers["WWW-Authenticate"] == 'Bearer error="insufficient_scope"'


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer"}])
async def test_without_a_token_the_challenge_has_no_error(auth, headers):
    """RFC 6750 section 3.1."""
    answer = await auth.get("/userinfo", headers=headers)
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("token", ["x", "a.b.c", "\u00e4", "x" * 9000, "a b"])
async def test_a_token_that_is_none_is_401(auth, token):
    answer = await auth.get("/userinfo", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')


async def test_a_refresh_token_opens_nothing(auth, client):
    tokens = await auth.tokens(client, scope="openid")
    assert (await ask(auth, {"access_token": tokens["refresh_token"]})).status == 401


async def test_a_token_in_the_address_does_not_count(auth, client):
    """RFC 9700 section 4.3.2."""
    tokens = await auth.tokens(client, scope="openid")
    assert (await auth.get(f"/userinfo?access_token={tokens['access_token']}")).status == 401


async def test_a_token_counts_in_the_form_of_a_post_and_only_once(auth, client):
    """RFC 6750 section 2.2."""
    tokens = await auth.tokens(client, scope="openid")
    form, header = {"access_token": tokens["access_token"]}, {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await auth.post("/userinfo", form)).json.keys() == {"sub"}
    assert (await auth.post("/userinfo", {"x": "y"}, headers=header)).status == 200
    assert (await auth.request("GET", "/userinfo", data=form)).status == 401
    assert (await auth.request("POST", "/userinfo", json=form)).status == 401
    twice = await auth.post("/userinfo", form, headers=header)
    assert (twice.status, twice.headers["WWW-Authenticate"]) == (400, 'Bearer error="invalid_request"')


async def test_nothing_is_told_of_a_removed_user(auth, client):
    tokens = await auth.tokens(client, scope="openid")
    await auth.users.remove(await auth.users.find_by_name(USERNAME))
    assert (await ask(auth, tokens)).status == 401
