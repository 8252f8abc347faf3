"""Client authentication (RFC 6749 section 2.3): accepted methods and refused credentials."""

import base64
from typing import Any

import pytest

from auth_service.clients.authenticator import ClientAuthenticator, hash_secret
from auth_service.clients.client import Client, ClientKind
from auth_service.protocol.errors import InvalidClient, InvalidRequest, UnknownClient
from auth_service.protocol.parameters import Parameters
from shared.errors import RedisUnavailable

SECRET = "s3cret:with+odd/characters=%"
NOW = 1_000_000


def client(client_id, **changes):
    return Client(client_id=client_id, kind=ClientKind.REGISTERED, redirect_uris=("https://c.example/cb",), **changes)


CLIENTS = {
    "public": client("public"),
    "secret": client(
        "secret",
        authentication_methods=frozenset({"client_secret_basic", "client_secret_post"}),
        secret_hash=hash_secret(SECRET),
    ),
    "listed-none": client(
        "listed-none",
        authentication_methods=frozenset({"none", "client_secret_basic"}),
        secret_hash=hash_secret(SECRET),
    ),
    "expired": client(
        "expired",
        authentication_methods=frozenset({"client_secret_basic"}),
        secret_hash=hash_secret(SECRET),
        secret_expires_at=NOW,
    ),
    "keys-only": client("keys-only", authentication_methods=frozenset({"private_key_jwt"})),
    "odd:id+/": client(
        "odd:id+/",
        authentication_methods=frozenset({"client_secret_basic"}),
        secret_hash=hash_secret(SECRET),
    ),
}


NO_ASSERTIONS: Any = None


class KnownClients:
    async def find(self, client_id):
        if client_id == "store-away":
            raise RedisUnavailable("away")
        if client_id not in CLIENTS:
            raise UnknownClient("unknown")
        return CLIENTS[client_id]


def basic(client_id, secret):
    from urllib.parse import quote_plus

    return "Basic " + base64.b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()


async def authenticate(authorization=None, **parameters):
    authenticator = ClientAuthenticator(KnownClients(), assertions=NO_ASSERTIONS, clock=lambda: NOW)
    return await authenticator.authenticate(authorization=authorization, form=Parameters(parameters.items()))


async def test_a_public_client_names_itself():
    assert (await authenticate(client_id="public")).client_id == "public"


async def test_a_secret_is_accepted_by_basic_and_in_the_body():
    assert (await authenticate(basic("secret", SECRET))).client_id == "secret"
    assert (await authenticate(client_id="secret", client_secret=SECRET)).client_id == "secret"


async def test_basic_credentials_are_form_urlencoded():
    """RFC 6749 section 2.3.1: an id with a colon and a plus survives."""
    assert (await authenticate(basic("odd:id+/", SECRET))).client_id == "odd:id+/"


async def test_basic_may_repeat_the_same_id_in_the_body():
    assert (await authenticate(basic("secret", SECRET), client_id="secret")).client_id == "secret"


async def test_basic_with_an_empty_secret_is_a_public_client():
    assert (await authenticate(basic("public", ""))).client_id == "public"


async def test_the_scheme_is_compared_without_case():
    assert (await authenticate(basic("secret", SECRET).replace("Basic", "bASIC"))).client_id == "secret"


@pytest.mark.invariant(9)
@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        (None, {}),
        (None, {"client_id": "unknown"}),
        (None, {"client_id": "secret"}),
        (None, {"client_id": "listed-none"}),
        (None, {"client_id": "keys-only"}),
        (None, {"client_id": "secret", "client_secret": "wrong"}),
        (None, {"client_id": "secret", "client_secret": SECRET + " "}),
        (None, {"client_id": "secret", "client_secret": hash_secret(SECRET)}),
        (None, {"client_id": "public", "client_secret": "anything"}),
        (None, {"client_id": "keys-only", "client_secret": SECRET}),
        (None, {"client_id": "expired", "client_secret": SECRET}),
        (None, {"client_secret": SECRET}),
        (None, {"client_id": "secret", "client_secret": "\udcff"}),
        (None, {"client_id": "public", "client_assertion": "e.e.e", "client_assertion_type": "urn:wrong"}),
        (basic("secret", ""), {}),
        (basic("secret", "wrong"), {}),
        (basic("", SECRET), {}),
        (basic("unknown", SECRET), {}),
        ("Basic", {}),
        ("Basic !!!", {}),
        ("Basic " + base64.b64encode(b"no colon").decode(), {}),
        ("Basic " + base64.b64encode(b"\xff\xfe:x").decode(), {}),
        ("Basic " + base64.b64encode(b"%ff:x").decode(), {}),
        ("Basic " + "A" * 5000, {}),
        ("Bearer abc", {"client_id": "public"}),
        ("", {"client_id": "public"}),
    ],
)
async def test_anything_less_is_401_with_one_public_text(authorization, parameters):
    """The answer shows neither which ids exist nor what was wrong."""
    with pytest.raises(InvalidClient) as refused:
        await authenticate(authorization, **parameters)
    assert (refused.value.status, refused.value.code) == (401, "invalid_client")
    assert refused.value.public == InvalidClient.public
    assert refused.value.headers["WWW-Authenticate"].startswith("Basic ")


@pytest.mark.parametrize(
    ("authorization", "parameters"),
    [
        (basic("secret", SECRET), {"client_secret": SECRET}),
        (basic("secret", SECRET), {"client_assertion": "e.e.e", "client_assertion_type": "x"}),
        (None, {"client_id": "secret", "client_secret": SECRET, "client_assertion": "e.e.e"}),
        (basic("secret", SECRET), {"client_id": "public"}),
        (None, {"client_id": "public", "client_assertion_type": "x"}),
    ],
)
async def test_several_mechanisms_at_once_are_a_malformed_request(authorization, parameters):
    with pytest.raises(InvalidRequest):
        await authenticate(authorization, **parameters)


@pytest.mark.invariant(8)
async def test_an_unavailable_store_is_a_fault_and_never_a_client_error():
    with pytest.raises(RedisUnavailable):
        await authenticate(client_id="store-away")


async def test_no_secret_appears_in_what_is_logged_of_a_credential():
    from auth_service.clients.authenticator import read_credential

    credential = read_credential(authorization=basic("secret", SECRET), form=Parameters([]))
    assert SECRET not in repr(credential)
