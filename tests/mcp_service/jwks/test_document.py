"""Which documents are taken for a key set, and which never replace one."""

import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from mcp_service.jwks.document import MAX_KEYS, InvalidJwks, parse_jwks
from tests.support.local_issuer import b64, key_set, new_key

SHORT_MODULUS = b64(rsa.generate_private_key(65537, 1024).public_key().public_numbers().n.to_bytes(128))

ALL = frozenset({"RS256", "ES256", "EdDSA"})
GOOD = new_key("good", "ES256")


def entry(key=GOOD, *, private=False, **changes):
    whole = key.as_dict(private=private) | changes
    return {name: value for name, value in whole.items() if value is not None}


def document(*entries):
    return json.dumps({"keys": list(entries)}).encode()


def parse(body, algorithms=ALL):
    return parse_jwks(body, algorithms=algorithms)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_key_of_each_algorithm_is_usable(algorithm):
    found = parse(key_set(new_key("k", algorithm)))
    assert found["k"].algorithm == algorithm


def test_members_that_are_optional_may_be_missing():
    assert parse(document(entry(alg=None, use=None)))["good"].algorithm == "ES256"


@pytest.mark.parametrize(
    "passed_over",
    [
        entry(new_key("enc", "ES256"), use="enc"),
        entry(new_key("other", "ES256"), alg="ECDH-ES"),
        entry(new_key("ops", "ES256"), use=None, key_ops=["deriveKey"]),
        entry(ECKey.generate_key("P-384", {"kid": "curve"}), alg=None),
        entry(OKPKey.generate_key("X25519", {"kid": "x"})),
        entry(RSAKey.generate_key(2048, {"kid": "rs512"}), alg="RS512"),
        entry(new_key("nameless", "ES256"), kid=None),
        {"kty": "future", "kid": "f", "blob": "AAAA"},
    ],
    ids=lambda e: str(e.get("kid")),
)
def test_a_key_that_others_need_is_passed_over(passed_over):
    assert list(parse(document(entry(), passed_over))) == ["good"]


def test_an_algorithm_that_is_not_configured_is_passed_over():
    both = document(entry(), entry(new_key("rsa")))
    assert list(parse(both, frozenset({"RS256"}))) == ["rsa"]


BAD = {
    "not JSON": ("json", b"<html>"),
    "empty": ("json", b""),
    "a list": ("json", b"[]"),
    "a name twice": ("json", b'{"keys": [], "keys": []}'),
    "no keys member": ("no_keys", b"{}"),
    "no keys": ("no_keys", document()),
    "keys that are no list": ("no_keys", b'{"keys": {"a": 1}}'),
    "a key that is no object": ("json", document("key")),
    "no usable key": ("no_keys", document(entry(use="enc"))),
    "a private key": ("private", document(entry(), entry(new_key("p", "ES256"), private=True))),
    "a private RSA key": ("private", document(entry(), entry(new_key("p"), private=True))),
    "one private member": ("private", document(entry(), entry(new_key("p"), dp="AAAA"))),
    "a symmetric key": ("symmetric", document(entry(), OctKey.generate_key(256, {"kid": "o"}).as_dict())),
    "a symmetric key without its secret": ("symmetric", document(entry(), {"kty": "oct", "kid": "o"})),
    "a short RSA key": ("rsa_size", document(entry(), {"kty": "RSA", "kid": "s", "e": "AQAB", "n": SHORT_MODULUS})),
    "one kid twice": ("duplicate_kid", document(entry(), entry(new_key("good", "ES256")))),
    "one kid twice, once for another use": ("duplicate_kid", document(entry(), entry(new_key("good"), use="enc"))),
    "too many keys": ("too_many", document(*[{"kty": "EC", "kid": str(n)} for n in range(MAX_KEYS + 1)])),
    "a point that is not on the curve": ("key", document(entry(y=entry(new_key("z", "ES256"))["y"]))),
    "a modulus that is no text": ("key", document(entry(), entry(new_key("r"), n=5))),
    "a modulus that is no base64": ("key", document(entry(), entry(new_key("r"), n="***"))),
    "a key without its numbers": ("key", document(entry(), {"kty": "RSA", "kid": "r"})),
    "an even exponent": ("key", document(entry(), entry(new_key("r"), e="Ag"))),
    "key_ops that are no list": ("no_keys", document(entry(use=None, key_ops=5))),
}


@pytest.mark.parametrize(("check", "body"), BAD.values(), ids=BAD)
def test_a_bad_document_is_refused_whole(check, body):
    with pytest.raises(InvalidJwks) as refused:
        parse(body)
    assert refused.value.error_id == check


def test_an_rsa_key_of_absurd_size_is_refused_before_it_costs_anything():
    huge = {"kty": "RSA", "kid": "h", "e": "AQAB", "n": "_" * 20_000}
    with pytest.raises(InvalidJwks):
        parse(document(entry(), huge))


def test_the_same_key_read_twice_is_recognised():
    first, second = parse(key_set(GOOD))["good"], parse(key_set(GOOD))["good"]
    assert first.same_as(second)
    assert not first.same_as(parse(key_set(new_key("good", "ES256")))["good"])
