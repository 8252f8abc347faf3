"""The assertion is for one server and one request, for a minute, once."""

import base64
import hashlib
import json

import pytest

from mcp_service.principal.assertion import LIFETIME_SECONDS, PrincipalAssertions
from mcp_service.principal.identity_headers import PrincipalTooLong
from shared.jose.jws import parse_compact_jws
from shared.jose.keys import verification_keys
from tests.support.local_issuer import new_key
from tests.support.principals import assertions, own_keys, verified_token

NOW = 1_800_000_000


@pytest.fixture(scope="module")
def keys():
    return own_keys(new_key("guard-1", "ES256"))


def asserted(handover: PrincipalAssertions, token=None, *, method="POST", path="/mcp?a=1", body=b"{}"):
    """The header and the claims of one assertion."""
    (value,) = handover.headers(token or verified_token(), method=method, path=path, body=body).values()
    jws = parse_compact_jws(value)
    return jws.header(), jws.payload()


def test_the_assertion_is_signed_by_the_published_key(keys):
    (value,) = assertions(keys).headers(verified_token(), method="POST", path="/mcp", body=b"").values()
    jws = parse_compact_jws(value)
    (key,) = verification_keys(json.loads(keys.keys.jwks))
    assert key.verify(jws.signing_input, jws.signature)
    assert jws.header() == {"alg": key.algorithm, "kid": "guard-1", "typ": "sallyport-assertion+jwt"}


@pytest.mark.invariant(14)
def test_the_assertion_names_the_server_and_the_request(keys):
    token = verified_token(email="ann@example.com", groups=["a", "b"], other="not told")
    _, claims = asserted(assertions(keys, claims=("email", "groups", "absent"), now=NOW + 0.9), token, body=b"[1]")
    assert len(base64.urlsafe_b64decode(claims.pop("jti") + "==")) == 16
    assert claims == {
        "iss": "https://tools.example/mcp",
        "aud": "https://server.internal/mcp",
        "sub": "user-1",
        "token_issuer": "https://auth.example",
        "client_id": "client-1",
        "scope": "notes:write notes:read",
        "claims": {"email": "ann@example.com", "groups": ["a", "b"]},
        "iat": NOW,
        "exp": NOW + 60,
        "htm": "POST",
        "path": "/mcp?a=1",
        "body_sha256": base64.urlsafe_b64encode(hashlib.sha256(b"[1]").digest()).decode().rstrip("="),
    }


@pytest.mark.invariant(14)
def test_two_equal_requests_have_different_assertions(keys):
    """A payload that stays the same can be used again by anyone who has seen it (CVE-2026-110278)."""
    handover = assertions(keys, now=NOW)
    assert len({asserted(handover)[1]["jti"] for _ in range(50)}) == 50


@pytest.mark.invariant(14)
def test_an_assertion_expires_within_a_minute():
    assert LIFETIME_SECONDS <= 60


@pytest.mark.invariant(14)
def test_a_public_operation_has_an_empty_header(keys):
    """So that no copy from outside is left in its place."""
    headers = assertions(keys).headers(None, method="POST", path="/mcp", body=b"")
    assert headers == {"Sallyport-Assertion": ""}


@pytest.mark.invariant(14)
def test_claims_of_the_user_replace_none_of_the_protocol(keys):
    taken = {"iss": "https://evil.example", "htm": "GET", "path": "/", "body_sha256": "x", "jti": "1"}
    _, claims = asserted(assertions(keys, claims=tuple(taken), now=NOW), verified_token(taken))
    assert claims["claims"] == taken
    assert (claims["iss"], claims["htm"], claims["path"]) == ("https://tools.example/mcp", "POST", "/mcp?a=1")


@pytest.mark.invariant(14)
def test_an_assertion_that_is_too_long_is_refused(keys):
    with pytest.raises(PrincipalTooLong) as refused:
        asserted(assertions(keys, claims=("groups",)), verified_token(groups=["g" * 40] * 200))
    assert refused.value.status == 403
