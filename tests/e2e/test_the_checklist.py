"""The checklist by which servers like this are judged, line by line, against the running pair."""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jwt
from joserfc.jwk import RSAKey

from tests.support.oauth import unverified_claims, unverified_header
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def client(pair):
    async with PlainClient(pair) as client:
        yield client


@pytest.fixture(scope="module")
def token(pair):
    async def obtain():
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            return (await client.tokens(user))["access_token"]

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(obtain())


@pytest.fixture
async def key_set(client):
    return await client.get_json((await client.metadata())["jwks_uri"])


def encoded(value):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


async def test_the_metadata_names_the_key_set_and_introspection(pair, client):
    metadata = await client.metadata()
    assert metadata["jwks_uri"] == f"{pair.issuer}/.well-known/jwks.json"
    assert metadata["introspection_endpoint"].startswith(pair.issuer)
    assert metadata["revocation_endpoint"].startswith(pair.issuer)
    assert metadata["code_challenge_methods_supported"] == ["S256"]


async def test_the_key_set_has_rsa_keys_and_nothing_private(key_set):
    assert key_set["keys"]
    for key in key_set["keys"]:
        assert key["kty"] == "RSA"
        assert {"kty", "use", "alg", "kid", "n", "e"} == set(key)


async def test_the_token_is_a_jwt_whose_key_is_published(token, key_set):
    assert token.startswith("eyJ")
    assert unverified_header(token)["kid"] in {key["kid"] for key in key_set["keys"]}
    assert unverified_header(token)["typ"].lower() == "at+jwt"


async def test_the_token_names_its_subject(pair, token):
    claims = unverified_claims(token)
    assert claims["iss"] == pair.issuer
    assert claims["aud"] in (pair.resource, [pair.resource])
    assert {"sub", "client_id", "scope", "iat", "exp", "jti"} <= set(claims)


async def test_the_guard_accepts_the_token(client, token):
    status, _, answer = await client.call_tool(token)
    assert status == 200
    assert not answer["result"].get("isError")


@pytest.mark.parametrize("service", ["auth", "mcp"])
async def test_the_token_survives_a_restart(pair, client, token, service):
    await getattr(pair, service)[0].restart()
    status, _, _ = await client.call_tool(token)
    assert status == 200


@pytest.mark.invariant(2)
async def test_the_token_is_accepted_while_the_issuer_is_away(pair, client, token):
    """Nothing is fetched per request."""
    await pair.auth[0].stop()
    try:
        status, _, _ = await client.call_tool(token)
        assert status == 200
    finally:
        await pair.auth[0].start()


async def test_a_call_without_a_token_is_answered_with_the_address_of_the_metadata(pair, client):
    status, headers, _ = await client.call_tool(None)
    assert status == 401
    challenge = headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    metadata = f'{pair.resource.removesuffix("/mcp")}/.well-known/oauth-protected-resource/mcp"'
    assert f'resource_metadata="{metadata}' in challenge
    assert "error=" not in challenge


async def test_introspection_answers_only_an_authenticated_caller(client, token):
    metadata = await client.metadata()
    granted = await client.register(token_endpoint_auth_method="client_secret_basic")
    itself = {"Authorization": aiohttp.encode_basic_auth(granted["client_id"], granted["client_secret"])}
    async with client.http.post(metadata["introspection_endpoint"], data={"token": "x"}, headers=itself) as response:
        assert response.status == 200
        assert await response.json() == {"active": False}
    async with client.http.post(metadata["introspection_endpoint"], data={"token": token}) as response:
        assert response.status == 401


def forged(token, key_set, pair):
    """Tokens that must not pass, by what is wrong with them."""
    header, claims = unverified_header(token), unverified_claims(token)
    foreign_key = RSAKey.generate_key(2048)
    signing_input, signature = token.rsplit(".", 1)
    published = next(k for k in key_set["keys"] if k["kid"] == header["kid"])
    public_pem = RSAKey.import_key(published).public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def signed(header_=header, claims_=claims):
        return jwt.encode(dict(header_), dict(claims_), foreign_key, algorithms=["RS256"])

    def hmac_signed():
        head = encoded({**header, "alg": "HS256"})
        body = encoded(claims)
        mac = hmac.digest(public_pem, f"{head}.{body}".encode(), hashlib.sha256)
        return f"{head}.{body}.{encoded(mac)}"

    flipped = bytearray(base64.urlsafe_b64decode(signature + "=="))
    flipped[10] ^= 1
    other = {**claims, "sub": "another-user"}
    return {
        "signed by another issuer": signed(),
        "signature flipped": f"{signing_input}.{encoded(bytes(flipped))}",
        "payload replaced": f"{token.split('.')[0]}.{encoded(other)}.{signature}",
        "unsigned": f"{encoded({**header, 'alg': 'none'})}.{encoded(claims)}.",
        "HS256 with the public key": hmac_signed(),
        "unknown key": signed({**header, "kid": "no-such-key"}),
        "no kid": signed({k: v for k, v in header.items() if k != "kid"}),
        "key of its own in the header": signed({**header, "jwk": foreign_key.as_dict(private=False)}),
        "not a JWT": "opaque",
        "expired and forged": signed(claims_={**claims, "exp": int(time.time()) - 3600}),
    }


async def test_a_forged_token_is_refused_without_details(pair, client, token, key_set):
    for what, bad in forged(token, key_set, pair).items():
        status, headers, body = await client.call_tool(bad)
        assert status == 401, what
        assert 'error="invalid_token"' in headers["WWW-Authenticate"], what
        told = json.dumps(body) + headers["WWW-Authenticate"]
        for word in ("signature", "kid", "alg", "hmac"):
            assert word not in told.lower(), (what, told)


async def test_the_callers_trace_stands_in_the_log_of_both_services(pair, client):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    for service in (pair.auth[0], pair.mcp[0]):
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
        async with client.http.get(f"http://127.0.0.1:{service.port}/nothing-here", headers=headers) as response:
            request_id = response.headers["X-Request-Id"]
        (line,) = [line for line in pair.log(service) if line.get("request_id") == request_id]
        assert line["trace"] == trace
