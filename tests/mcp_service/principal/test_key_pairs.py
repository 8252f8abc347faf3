"""Configured and stored keys: what is published of them, and what is refused."""

import json

import pytest

from mcp_service.principal.key_lifecycle import first_ring
from mcp_service.principal.key_pairs import InvalidOwnKey, configured, new_own_key, usable
from tests.support.local_issuer import new_key

EC = new_key("a", "ES256").as_dict(private=True)
OTHER = new_key("b", "ES256").as_dict(private=True)
ED = new_key("c", "EdDSA").as_dict(private=True)


def public(jwk):
    return {name: value for name, value in jwk.items() if name != "d"}


def test_no_private_part_is_published():
    ring = first_ring(new_own_key(now=1), new_own_key(now=1), now=1)
    for keys in (usable(ring), configured(json.dumps({"keys": [EC, OTHER]}))):
        published = json.loads(keys.jwks)["keys"]
        assert len(published) == 2
        assert {name for jwk in published for name in jwk} <= {"kty", "crv", "x", "y", "kid", "alg", "use"}


def test_the_first_key_signs_and_the_others_are_published():
    keys = configured(json.dumps({"keys": [OTHER, public(EC)]}))
    assert keys.signing_key.kid == "b"
    assert [(jwk["kid"], jwk["alg"]) for jwk in json.loads(keys.jwks)["keys"]] == [("b", "ES256"), ("a", "ES256")]


def test_one_jwk_is_enough_and_its_kid_may_be_left_out():
    nameless = {name: value for name, value in EC.items() if name != "kid"}
    (published,) = json.loads(configured(json.dumps(nameless)).jwks)["keys"]
    assert len(published["kid"]) == 43


def test_the_etag_changes_with_the_keys():
    one, both = configured(json.dumps(EC)), configured(json.dumps({"keys": [EC, OTHER]}))
    assert one.etag != both.etag
    assert configured(json.dumps(EC)).etag == one.etag


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [7]}',
        json.dumps(public(EC)),
        json.dumps({"keys": [public(EC), EC]}),
        json.dumps({"keys": [EC, EC]}),
        json.dumps(EC | {"kid": ""}),
        json.dumps(EC | {"crv": "P-384"}),
        json.dumps(ED),
        json.dumps(EC | {"use": "enc"}),
        json.dumps(EC | {"alg": "ES384"}),
        json.dumps(EC | {"d": "AA"}),
        json.dumps({"kty": "oct", "k": "c2VjcmV0"}),
        json.dumps(new_key("r", "RS256").as_dict(private=True)),
    ],
)
def test_a_key_that_cannot_sign_assertions_is_refused_without_showing_it(document):
    with pytest.raises(InvalidOwnKey) as refused:
        configured(document)
    assert str(EC["d"]) not in str(refused.value)
