"""A client assertion may name the address at which its request is forwarded to this server, if it is listed."""

import json
import time

import pytest

from tests.support import vendor_documents
from tests.support.auth_server import ISSUER
from tests.support.local_issuer import new_key, sign_bytes
from tests.support.named_hosts import NamedHosts

CLIENT = "https://client.example/client.json"
FORWARDED = "https://tools.example/token"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@pytest.fixture(scope="module")
def key():
    return new_key(algorithm="ES256")


@pytest.fixture
async def hosts(key):
    document = vendor_documents.document(CLIENT, "Client", ["https://client.example/cb"]) | {
        "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [key.as_dict(private=False)]},
    }
    async with NamedHosts() as running:
        running.serve_json(CLIENT, document)
        yield running


async def error_of(auth, key, audience):
    """The error for an unknown refresh token: invalid_grant if the client is authenticated."""
    now = int(time.time())
    claims = {"iss": CLIENT, "sub": CLIENT, "aud": audience, "iat": now, "exp": now + 60, "jti": str(audience)}
    header = {"alg": "ES256", "kid": key.kid, "typ": "JWT"}
    form = {
        "grant_type": "refresh_token",
        "refresh_token": "unknown",
        "client_id": CLIENT,
        "client_assertion": sign_bytes(json.dumps(header).encode(), json.dumps(claims).encode(), key),
        "client_assertion_type": ASSERTION_TYPE,
    }
    return (await auth.post("/token", form)).json["error"]


async def test_a_listed_audience_is_accepted_alone_and_beside_the_issuer(start_auth, hosts, key):
    auth = await start_auth(public_fetch=hosts.http_client(), ASSERTION_AUDIENCES=FORWARDED)
    assert await error_of(auth, key, FORWARDED) == "invalid_grant"
    assert await error_of(auth, key, [FORWARDED, ISSUER]) == "invalid_grant"


async def test_a_listed_audience_beside_another_server_is_refused(start_auth, hosts, key):
    auth = await start_auth(public_fetch=hosts.http_client(), ASSERTION_AUDIENCES=FORWARDED)
    assert await error_of(auth, key, [FORWARDED, "https://other.example/token"]) == "invalid_client"


async def test_an_audience_that_is_not_listed_is_refused(start_auth, hosts, key):
    auth = await start_auth(public_fetch=hosts.http_client())
    assert await error_of(auth, key, FORWARDED) == "invalid_client"
