"""Which JWKs verify signatures, and with which algorithm."""

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc.jwk import OctKey

from shared.jose import base64url
from shared.jose.algorithms import KEY_KINDS, SUPPORTED_ALGORITHMS, is_secret, signature_algorithm
from shared.jose.keys import InvalidKey, import_verification_key
from tests.support.local_issuer import new_key, sign_bytes

KEYS = {algorithm: new_key("k", algorithm) for algorithm in SUPPORTED_ALGORITHMS}
SHORT = base64url.encode(rsa.generate_private_key(65537, 1024).public_key().public_numbers().n.to_bytes(128))


def public(algorithm, **changes):
    members = KEYS[algorithm].as_dict(private=False) | changes
    return {name: value for name, value in members.items() if value is not None}


def test_the_table_has_exactly_the_supported_algorithms():
    assert tuple(KEY_KINDS) == SUPPORTED_ALGORITHMS == ("RS256", "ES256", "EdDSA")


@pytest.mark.parametrize("algorithm", SUPPORTED_ALGORITHMS)
@pytest.mark.parametrize("left_out", [{}, {"alg": None}, {"use": None}, {"key_ops": ["verify"]}])
def test_key_type_and_curve_decide_the_algorithm(algorithm, left_out):
    jwk = public(algorithm, **left_out)
    assert signature_algorithm(jwk) == algorithm
    key = import_verification_key(jwk, kid="k")
    signing_input, _, signature = sign_bytes(b"{}", b"{}", KEYS[algorithm]).rpartition(".")
    assert key.verify(signing_input.encode(), base64url.decode(signature))
    assert not key.verify(signing_input.encode() + b"x", base64url.decode(signature))


@pytest.mark.parametrize(
    "change",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": "verify"},
        {"alg": "none"},
        {"alg": "RS512"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"kty": "RSA"},
        {"kty": ["EC"]},
        {"crv": "P-384"},
        {"crv": {}},
        {"crv": None},
        {"kty": None},
    ],
)
def test_a_key_for_something_else_has_no_algorithm(change):
    jwk = public("ES256", **change)
    assert signature_algorithm(jwk) is None
    with pytest.raises(InvalidKey):
        import_verification_key(jwk)


@pytest.mark.parametrize(
    ("error_id", "change"),
    [
        ("rsa_size", {"n": SHORT}),
        ("rsa_size", {"n": "A" * 2000}),
        ("rsa_size", {"n": "_" * 2000}),
        ("rsa_size", {"e": "_" * 8}),
        ("key", {"n": "===="}),
        ("key", {"n": 7}),
        ("key", {"n": None}),
        ("key", {"e": None}),
    ],
)
def test_an_rsa_key_of_another_size_or_form_is_refused(error_id, change):
    with pytest.raises(InvalidKey) as refused:
        import_verification_key(public("RS256", **change))
    assert refused.value.error_id == error_id


@pytest.mark.parametrize(("algorithm", "member"), [("ES256", "x"), ("ES256", "y"), ("EdDSA", "x")])
@pytest.mark.parametrize("value", [None, "AAAA", 7, ""])
def test_a_point_that_is_none_is_refused(algorithm, member, value):
    with pytest.raises(InvalidKey):
        import_verification_key(public(algorithm, **{member: value}))


@pytest.mark.parametrize("algorithm", SUPPORTED_ALGORITHMS)
def test_a_private_or_symmetric_key_is_told_from_a_public_one(algorithm):
    assert not is_secret(public(algorithm))
    assert is_secret(KEYS[algorithm].as_dict(private=True))
    assert is_secret(OctKey.generate_key(256).as_dict(private=True))


def test_only_public_members_are_imported():
    key = import_verification_key(KEYS["ES256"].as_dict(private=True))
    assert not key._key.is_private


P = 2**255 - 19
SMALL_ORDER = [0, 1, P - 1, *(int.from_bytes(bytes.fromhex(text), "little") for text in (
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
))]  # fmt: skip
"""The y coordinates of the eight points whose order divides 8 (RFC 7748 section 7, RFC 8032 section 5.1)."""


@pytest.mark.parametrize("sign", [0, 1 << 255])
@pytest.mark.parametrize("y", [y for small in SMALL_ORDER for y in (small, small + P) if y < 1 << 255])
def test_an_ed25519_point_of_small_order_is_refused_in_every_encoding(y, sign):
    """With such a key one signature verifies many messages, also of other keys."""
    with pytest.raises(InvalidKey):
        import_verification_key(public("EdDSA", x=base64url.encode((y | sign).to_bytes(32, "little"))))


@pytest.mark.parametrize("exponent", [b"\x01", b"\x02", b"\x01\x00\x00", b"\x00", b""])
def test_an_rsa_exponent_that_is_one_or_even_is_refused(exponent):
    """With the exponent 1 every message is its own signature."""
    with pytest.raises(InvalidKey):
        import_verification_key(public("RS256", e=base64url.encode(exponent)))
