"""Behaviour of joserfc on which our security depends: a change of the library fails here.

Its claims registry is not used: shared/access_tokens/profile.py checks the claims.
"""

import json
import warnings

import pytest
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, InvalidKeyIdError, JoseError, SecurityWarning
from joserfc.jwk import ECKey, KeySet, RSAKey
from joserfc.jws import JWSRegistry

from tests.support.local_issuer import new_key


@pytest.fixture(scope="module")
def key():
    return new_key("one", "ES256")


def accepts(key, claims, *, header=None, keys=None, **essential):
    registry = jwt.JWTClaimsRegistry(now=lambda: 1000, exp={"essential": True}, **essential)
    text = json.dumps(claims)
    token = jwt.encode({"alg": "ES256", "kid": "one"} | (header or {}), json.loads(text), key, algorithms=["ES256"])
    decoded = jwt.decode(token, keys or key, algorithms=["ES256"])
    registry.validate(decoded.claims)
    return True


def test_its_claims_registry_refuses_a_token_at_the_second_of_its_end(key):
    """Accepted up to 1.7: RFC 7519 section 4.1.4 says "on or after"."""
    with pytest.raises(ExpiredTokenError):
        accepts(key, {"exp": 1000})


def test_its_claims_registry_refuses_an_exp_that_is_no_number(key):
    """Accepted up to 1.7, and such a token never expired."""
    with pytest.raises(InvalidClaimError):
        accepts(key, {"exp": float("nan")})


def test_it_does_not_look_at_typ(key):
    assert accepts(key, {"exp": 2000}, header={"typ": "foo+jwt"})


def test_it_accepts_a_token_without_kid_if_there_is_one_key(key):
    token = jwt.encode({"alg": "ES256"}, {"exp": 2000}, key, algorithms=["ES256"])
    jwt.decode(token, KeySet([key]), algorithms=["ES256"])


def test_it_refuses_a_token_without_kid_if_there_are_two_keys(key):
    token = jwt.encode({"alg": "ES256"}, {"exp": 2000}, key, algorithms=["ES256"])
    with pytest.raises(InvalidKeyIdError):
        jwt.decode(token, KeySet([key, new_key("two", "ES256")]), algorithms=["ES256"])


def test_its_claims_registry_accepts_a_missing_audience_unless_told(key):
    assert accepts(key, {"exp": 2000}, aud={"value": "x"})


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_its_primitive_tells_a_good_signature_from_a_bad_one(algorithm):
    """This is the one thing that we rely on."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        primitive = JWSRegistry(algorithms=[algorithm]).get_alg(algorithm)
    private = new_key("k", algorithm)
    public = type(private).import_key(private.as_dict(private=False))
    signature = primitive.sign(b"message", private)
    assert primitive.verify(b"message", signature, public) is True
    assert primitive.verify(b"massage", signature, public) is False
    assert primitive.verify(b"message", signature[:-1] + bytes([signature[-1] ^ 1]), public) is False


@pytest.mark.parametrize("signature", [b"", b"\0", b"\0" * 64, b"\0" * 63, b"\xff" * 64, b"\0" * 256])
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_its_primitive_answers_no_to_a_degenerate_signature(algorithm, signature):
    """Zero for both halves of an ECDSA signature was the mistake of CVE-2022-21449."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        primitive = JWSRegistry(algorithms=[algorithm]).get_alg(algorithm)
    private = new_key("k", algorithm)
    public = type(private).import_key(private.as_dict(private=False))
    assert primitive.verify(b"message", signature, public) is False


def test_a_key_of_the_wrong_curve_is_not_for_es256():
    key = ECKey.generate_key("P-384")
    with pytest.raises(JoseError):
        JWSRegistry(algorithms=["ES256"]).get_alg("ES256").check_key(key)


def test_importing_only_public_members_never_gives_a_private_key():
    private = RSAKey.generate_key(2048)
    public = RSAKey.import_key({k: v for k, v in private.as_dict(private=True).items() if k in {"kty", "n", "e"}})
    assert public.is_private is False
