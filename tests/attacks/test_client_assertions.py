"""Assertions of clients (RFC 7523, private_key_jwt): what is accepted, and every forgery that is not."""

import asyncio
import base64
import json

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from auth_service.clients.authenticator import ASSERTION_TYPE, AssertionVerifier, ClientAuthenticator, JtiReplayStore
from auth_service.clients.client import Client, ClientKind
from auth_service.clients.client_assertion import LEEWAY_SECONDS, MAX_LIFETIME_SECONDS
from auth_service.clients.client_jwks import COOLDOWN_SECONDS, MAX_STALE_SECONDS, ClientJwks, ClientJwksUnavailable
from auth_service.protocol.errors import InvalidClient, InvalidRequest, UnknownClient
from auth_service.protocol.parameters import Parameters
from shared.redis.topology import open_redis_client
from tests.support.named_hosts import NamedHosts
from tests.support.token_attacks import other_spelling

ISSUER = "https://auth.example"
CLIENT = "https://chatgpt.com/oauth/client.json"
JWKS_URI = "https://chatgpt.com/oauth/jwks.json"

RSA_KEY = RSAKey.generate_key(2048, {"kid": "rsa"})
KEYS: dict[str, Key] = {
    "RS256": RSA_KEY,
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "EdDSA": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
}
FOREIGN = RSAKey.generate_key(2048, {"kid": "rsa"})
UNRELATED = RSAKey.generate_key(2048, {"kid": "unrelated"})


def public(*keys, **members):
    return {"keys": [key.as_dict(private=False) | members for key in keys]}


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


class OneClient:
    def __init__(self, **changes):
        values = {"authentication_methods": frozenset({"none", "private_key_jwt"}), "jwks": public(*KEYS.values())}
        self.client = Client(
            client_id=CLIENT,
            kind=ClientKind.METADATA_DOCUMENT,
            redirect_uris=("https://chatgpt.com/cb",),
            **(values | changes),
        )

    async def find(self, client_id):
        if client_id != CLIENT:
            raise UnknownClient("unknown")
        return self.client


@pytest.fixture
async def clock(store):
    # The store expires what it remembers by its own clock.
    return Clock(int((await store.command("TIME"))[0]))


@pytest.fixture
def make(store, clock):
    """Make the authenticator of one replica."""

    def make_one(*, http=None, keys=None, replica_store=store, **client):
        verifier = AssertionVerifier(
            audiences=frozenset({ISSUER, f"{ISSUER}/token"}),
            jwks=keys or ClientJwks(http=http, monotonic=clock),
            replays=JtiReplayStore(replica_store),
        )
        return ClientAuthenticator(OneClient(**client), assertions=verifier, clock=clock)

    return make_one


def claims(clock, **changes):
    values = {
        "iss": CLIENT,
        "sub": CLIENT,
        "aud": f"{ISSUER}/token",
        "iat": int(clock()),
        "exp": int(clock()) + 300,
        "jti": "one",
    }
    return {name: value for name, value in (values | changes).items() if value is not ...}


def sign(payload, *, key=KEYS["RS256"], **header):
    values = {"alg": "RS256", "kid": key.kid, "typ": "JWT"} | header
    protected = {name: value for name, value in values.items() if value is not ...}
    text = payload if isinstance(payload, str) else json.dumps(payload)
    # Signed without the library, which refuses to make some of these.
    signing_input = f"{_b64(json.dumps(protected).encode())}.{_b64(text.encode())}"
    algorithm = JWSRegistry.algorithms[protected["alg"]]
    return f"{signing_input}.{_b64(algorithm.sign(signing_input.encode(), key))}"


def _b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


async def present(authenticator, assertion, **parameters):
    values = {"client_assertion": assertion, "client_assertion_type": ASSERTION_TYPE, "client_id": CLIENT}
    pairs = [(name, value) for name, value in (values | parameters).items() if value is not None]
    return await authenticator.authenticate(authorization=None, form=Parameters(pairs))


@pytest.mark.parametrize("algorithm", KEYS)
@pytest.mark.parametrize("audience", [ISSUER, f"{ISSUER}/token", [ISSUER], [f"{ISSUER}/token"]])
async def test_an_assertion_by_the_clients_key_for_issuer_or_token_endpoint_is_accepted(
    make, clock, algorithm, audience
):
    assertion = sign(claims(clock, aud=audience), key=KEYS[algorithm], alg=algorithm)
    assert (await present(make(), assertion)).client_id == CLIENT


@pytest.mark.parametrize(
    ("changes", "header", "parameters"),
    [
        ({}, {}, {"client_id": None}),
        ({}, {"kid": ...}, {}),
        ({}, {"typ": ...}, {}),
        ({}, {"typ": "client-authentication+jwt"}, {}),
        ({"iat": ...}, {}, {}),
        ({"exp": 0.5}, {}, {}),
        ({"extra": {"deep": []}}, {}, {}),
    ],
)
async def test_variations_that_the_standards_allow_are_accepted(make, clock, changes, header, parameters):
    if "exp" in changes:
        changes = {"exp": clock() + 299.5}
    assert (await present(make(), sign(claims(clock, **changes), **header), **parameters)).client_id == CLIENT


def _unsigned(clock, alg):
    header = {"typ": "JWT", "kid": "rsa"} | ({} if alg is ... else {"alg": alg})
    return f"{_b64(json.dumps(header).encode())}.{_b64(json.dumps(claims(clock)).encode())}."


def _confused(clock):
    pem = RSA_KEY.public_key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    signing_input = sign(claims(clock), alg="RS256").rpartition(".")[0]
    header = _b64(json.dumps({"alg": "HS256", "kid": "rsa", "typ": "JWT"}).encode())
    signing_input = f"{header}.{signing_input.partition('.')[2]}"
    import hashlib
    import hmac

    return f"{signing_input}.{_b64(hmac.new(pem, signing_input.encode(), hashlib.sha256).digest())}"


def _resign(_clock, *, payload):
    signing_input = f"{_b64(json.dumps({'alg': 'RS256', 'kid': 'rsa'}).encode())}.{_b64(payload)}"
    return f"{signing_input}.{_b64(JWSRegistry.algorithms['RS256'].sign(signing_input.encode(), KEYS['RS256']))}"


def _with_signature(assertion, signature):
    return f"{assertion.rpartition('.')[0]}.{_b64(signature)}"


def _tampered(clock):
    header, _, signature = sign(claims(clock)).split(".")
    return f"{header}.{_b64(json.dumps(claims(clock, jti='other')).encode())}.{signature}"


ATTACKS = {
    "aud of another server": lambda c: sign(claims(c, aud="https://other.example/token")),
    "aud of the issuer with a slash": lambda c: sign(claims(c, aud=f"{ISSUER}/")),
    "aud names another server as well": lambda c: sign(claims(c, aud=[ISSUER, "https://other.example"])),
    "aud is empty": lambda c: sign(claims(c, aud=[])),
    "aud is missing": lambda c: sign(claims(c, aud=...)),
    "aud is null": lambda c: sign(claims(c, aud=None)),
    "aud is an object": lambda c: sign(claims(c, aud={ISSUER: 1})),
    "iss of another client": lambda c: sign(claims(c, iss="https://evil.example/c.json")),
    "sub of another client": lambda c: sign(claims(c, sub="https://evil.example/c.json")),
    "iss and sub of another client": lambda c: sign(
        claims(c, iss="https://evil.example/c", sub="https://evil.example/c")
    ),
    "iss is missing": lambda c: sign(claims(c, iss=...)),
    "sub is missing": lambda c: sign(claims(c, sub=...)),
    "sub is a list": lambda c: sign(claims(c, iss=[CLIENT], sub=[CLIENT])),
    "expired": lambda c: sign(claims(c, exp=int(c()) - LEEWAY_SECONDS)),
    "exp is missing": lambda c: sign(claims(c, exp=...)),
    "exp is far in the future": lambda c: sign(claims(c, exp=int(c()) + MAX_LIFETIME_SECONDS + LEEWAY_SECONDS + 1)),
    "exp is text": lambda c: sign(claims(c, exp=str(int(c()) + 60))),
    "exp is true": lambda c: sign(claims(c, exp=True)),
    "exp is NaN": lambda c: sign(json.dumps(claims(c, exp="@")).replace('"@"', "NaN")),
    "exp is Infinity": lambda c: sign(json.dumps(claims(c, exp="@")).replace('"@"', "Infinity")),
    "exp is beyond all numbers": lambda c: sign(json.dumps(claims(c, exp="@")).replace('"@"', "1e999")),
    "iat in the future": lambda c: sign(claims(c, iat=int(c()) + LEEWAY_SECONDS + 1)),
    "iat long ago": lambda c: sign(claims(c, iat=int(c()) - MAX_LIFETIME_SECONDS - LEEWAY_SECONDS - 1)),
    "iat is text": lambda c: sign(claims(c, iat="now")),
    "nbf in the future": lambda c: sign(claims(c, nbf=int(c()) + LEEWAY_SECONDS + 1)),
    "jti is missing": lambda c: sign(claims(c, jti=...)),
    "jti is empty": lambda c: sign(claims(c, jti="")),
    "jti is a number": lambda c: sign(claims(c, jti=7)),
    "jti is huge": lambda c: sign(claims(c, jti="x" * 300)),
    "a claim is repeated": lambda c: sign(json.dumps(claims(c))[:-1] + ', "aud": "https://other.example"}'),
    "an unused claim is NaN": lambda c: sign(json.dumps(claims(c, x="@")).replace('"@"', "NaN")),
    "an unused claim is a lone surrogate": lambda c: sign(json.dumps(claims(c, x="@")).replace("@", "\\ud800")),
    "another spelling of the signature": lambda c: other_spelling(sign(claims(c))),
    "claims are a list": lambda _: sign("[]"),
    "claims are not JSON": lambda _: sign("{"),
    "claims are not UTF-8": lambda c: _resign(c, payload=b"\xff\xfe"),
    "signed by a foreign key under the same kid": lambda c: sign(claims(c), key=FOREIGN),
    "signed by a foreign key without a kid": lambda c: sign(claims(c), key=FOREIGN, kid=...),
    "a kid that is not the client's": lambda c: sign(claims(c), key=UNRELATED),
    "the kid of another algorithm's key": lambda c: sign(claims(c), kid="ec"),
    "kid is a number": lambda c: sign(claims(c), kid=7),
    "kid is a path": lambda c: sign(claims(c), kid="../../etc/passwd"),
    "the key is embedded in the header": lambda c: sign(claims(c), key=FOREIGN, jwk=FOREIGN.as_dict(private=False)),
    "the key is named by jku": lambda c: sign(claims(c), key=FOREIGN, jku="https://evil.example/jwks"),
    "the key is named by x5u": lambda c: sign(claims(c), key=FOREIGN, x5u="https://evil.example/cert"),
    "the key is in x5c": lambda c: sign(claims(c), key=FOREIGN, x5c=["MII"]),
    "typ of an access token": lambda c: sign(claims(c), typ="at+jwt"),
    "typ is a number": lambda c: sign(claims(c), typ=1),
    "crit": lambda c: sign(claims(c), crit=["exp"]),
    "b64 is false": lambda c: sign(claims(c), b64=False),
    "alg none without a signature": lambda c: _unsigned(c, "none"),
    "alg None without a signature": lambda c: _unsigned(c, "None"),
    "alg is missing": lambda c: _unsigned(c, ...),
    "alg is a list": lambda c: _unsigned(c, ["RS256"]),
    "HS256 with the public key as PEM": _confused,
    "HS256 with the modulus": lambda c: sign(
        claims(c), key=OctKey.import_key(str(RSA_KEY.as_dict(private=False)["n"])), alg="HS256", kid="rsa"
    ),
    "RS512": lambda c: sign(claims(c), alg="RS512"),
    "PS256": lambda c: sign(claims(c), alg="PS256"),
    "ES256 of zeros": lambda c: _with_signature(sign(claims(c), key=KEYS["ES256"], alg="ES256"), bytes(64)),
    "an empty signature": lambda c: sign(claims(c)).rpartition(".")[0] + ".",
    "a cut signature": lambda c: sign(claims(c))[:-8],
    "a changed payload": _tampered,
    "encrypted": lambda _: "e30.e30.e30.e30.e30",
    "JSON serialisation": lambda _: json.dumps({"payload": "e30", "signatures": []}),
    "no JWT at all": lambda _: "assertion",
    "spaces around": lambda c: f" {sign(claims(c))} ",
    "huge": lambda c: sign(claims(c, pad="x" * 9000)),
}


@pytest.mark.invariant(3, 9)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_forged_assertion_is_refused_and_burns_nothing(make, store, clock, attack):
    """401 in the usual words, and no jti is used up by what was not verified."""
    with pytest.raises(InvalidClient) as refused:
        await present(make(), ATTACKS[attack](clock))
    assert (refused.value.status, refused.value.public) == (401, InvalidClient.public)
    assert await store.command("KEYS", "*") == []


async def test_an_assertion_works_once(make, clock):
    """Replay (RFC 7523 section 3 item 7)."""
    assertion = sign(claims(clock))
    await present(make(), assertion)
    with pytest.raises(InvalidClient, match="used before"):
        await present(make(), assertion)


async def test_the_same_jti_in_another_assertion_is_a_replay_too(make, clock):
    await present(make(), sign(claims(clock)))
    with pytest.raises(InvalidClient, match="used before"):
        await present(make(), sign(claims(clock, exp=int(clock()) + 301)))


@pytest.mark.invariant(3)
async def test_one_of_concurrent_presentations_at_several_replicas_is_accepted(make, store_url, clock):
    stores = [open_redis_client(store_url) for _ in range(8)]
    assertion = sign(claims(clock))
    results = await asyncio.gather(*(present(make(replica_store=s), assertion) for s in stores), return_exceptions=True)
    for one in stores:
        await one.close()
    assert sum(1 for r in results if isinstance(r, Client)) == 1
    assert sum(1 for r in results if isinstance(r, InvalidClient)) == 7


async def test_the_memory_of_a_jti_outlives_its_acceptance(make, store, clock):
    assertion_claims = claims(clock)
    await present(make(), sign(assertion_claims))
    (key,) = await store.command("KEYS", "*")
    assert await store.command("EXPIRETIME", key) > assertion_claims["exp"] + LEEWAY_SECONDS


async def test_a_presented_assertion_is_verified_even_if_the_client_may_use_none(make, clock):
    with pytest.raises(InvalidClient):
        await present(make(), sign(claims(clock), key=FOREIGN))


async def test_a_client_that_offers_only_none_cannot_present_an_assertion(make, clock):
    with pytest.raises(InvalidClient):
        await present(make(authentication_methods=frozenset({"none"})), sign(claims(clock)))


async def test_client_id_in_the_body_must_be_the_assertions_own(make, clock):
    with pytest.raises(InvalidClient):
        await present(make(), sign(claims(clock)), client_id="https://evil.example/c.json")


async def test_an_assertion_beside_a_secret_is_malformed(make, clock):
    with pytest.raises(InvalidRequest):
        await present(make(), sign(claims(clock)), client_secret="s")


@pytest.mark.parametrize(
    "jwks",
    [
        public(KEYS["RS256"], use="enc"),
        public(KEYS["RS256"], alg="RS512"),
        {"keys": [{"kty": "RSA", "kid": "rsa", "n": "AQAB", "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "kid": "rsa", "n": "A" * 4000, "e": "AQAB"}]},
        {"keys": [{"kty": "RSA", "kid": "rsa"}]},
        {"keys": [{"kid": "rsa"}]},
        {"keys": []},
    ],
)
async def test_a_weak_or_invalid_key_or_one_for_another_use_verifies_nothing(make, clock, jwks):
    with pytest.raises(InvalidClient):
        await present(make(jwks=jwks), sign(claims(clock)))


def test_a_modulus_of_1024_bits_is_below_the_minimum_length():
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    assert len(_b64(weak.public_key().public_numbers().n.to_bytes(128, "big"))) < 342


class TestRemoteKeys:
    """Keys by `jwks_uri`: guarded, cached, refetched for an unknown kid with a cooldown."""

    @pytest.fixture
    async def hosts(self):
        async with NamedHosts() as running:
            running.serve_json(JWKS_URI, public(KEYS["RS256"]))
            yield running

    @pytest.fixture
    def remote(self, make, hosts):
        return make(http=hosts.http_client(), jwks=None, jwks_uri=JWKS_URI)

    async def test_keys_are_fetched_once_while_fresh(self, remote, hosts, clock):
        for n in range(3):
            await present(remote, sign(claims(clock, jti=str(n))))
        assert hosts.count(JWKS_URI) == 1

    async def test_a_new_kid_is_fetched_at_once_but_not_more_than_once_a_minute(self, remote, hosts, clock):
        await present(remote, sign(claims(clock, jti="a")))
        clock.now += COOLDOWN_SECONDS
        hosts.serve_json(JWKS_URI, public(KEYS["RS256"], UNRELATED))
        await present(remote, sign(claims(clock, jti="b"), key=UNRELATED))
        for n in range(20):
            with pytest.raises(InvalidClient):
                await present(remote, sign(claims(clock, jti=f"c{n}"), kid=f"forged-{n}"))
        assert hosts.count(JWKS_URI) == 2

    async def test_an_assertion_that_no_key_could_make_valid_causes_no_fetch(self, remote, hosts, clock):
        for attack in ("expired", "aud of another server", "alg none without a signature", "jti is missing"):
            with pytest.raises(InvalidClient):
                await present(remote, ATTACKS[attack](clock))
        assert hosts.requests == []

    @pytest.mark.invariant(8)
    async def test_an_unreachable_host_is_a_fault_and_never_a_client_error(self, remote, hosts, clock):
        hosts.pages[JWKS_URI] = lambda _request: web.Response(status=503)
        for n in range(3):
            with pytest.raises(ClientJwksUnavailable):
                await present(remote, sign(claims(clock, jti=str(n))))
        assert hosts.count(JWKS_URI) == 1

    @pytest.mark.parametrize("body", ['{"keys": []}', "[]", "{", '{"keys": [{"kty": "oct", "k": "AA"}]}'])
    async def test_a_bad_key_set_never_replaces_a_good_one(self, remote, hosts, clock, body):
        await present(remote, sign(claims(clock, jti="a")))
        hosts.pages[JWKS_URI] = lambda _request: web.Response(text=body, content_type="application/json")
        clock.now += 7200
        await present(remote, sign(claims(clock, jti="b")))
        clock.now += MAX_STALE_SECONDS
        with pytest.raises(ClientJwksUnavailable):
            await present(remote, sign(claims(clock, jti="c")))

    async def test_a_withdrawn_key_is_no_longer_accepted_once_the_set_is_stale(self, remote, hosts, clock):
        await present(remote, sign(claims(clock, jti="a")))
        hosts.serve_json(JWKS_URI, public(UNRELATED))
        clock.now += 7200
        with pytest.raises(InvalidClient):
            await present(remote, sign(claims(clock, jti="b")))

    @pytest.mark.invariant(10)
    async def test_a_key_set_at_an_internal_address_is_not_fetched(self, make, hosts, clock):
        """Invariant 10 holds for jwks_uri too."""
        from shared.ip_addresses import is_public

        guarded = make(http=hosts.http_client(allowed=is_public), jwks=None, jwks_uri=JWKS_URI)
        with pytest.raises(ClientJwksUnavailable):
            await present(guarded, sign(claims(clock)))
        assert hosts.requests == []
