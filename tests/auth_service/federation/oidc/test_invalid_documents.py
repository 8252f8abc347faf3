"""Invalid metadata, keys, token responses and userinfo: none signs a user in.

Where one check decides, the control takes it out. The bounds of the transport and the readers of JSON have no table:
they are tested where they are (tests/shared), and here only for their effect.
"""

import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from auth_service.federation import provider_keys
from auth_service.federation.oidc import id_token, identity_mapping, token_request, userinfo
from auth_service.federation.oidc.metadata import MAX_METADATA_BYTES, METADATA_CHECKS
from auth_service.federation.oidc.token_request import MAX_RESPONSE_BYTES
from auth_service.federation.provider import ProviderUnavailable, SignInRefused
from auth_service.federation.provider_keys import MAX_JWKS_BYTES
from shared.jose import keys
from tests.support.local_issuer import b64
from tests.support.oidc_model import MISSING, public, signing_key

pytestmark = pytest.mark.invariant(13)
HTML = {"body": b"<html>Sign in to the hotel</html>", "content_type": "text/html"}
REDIRECT = {"status": 302, "headers": {"Location": "https://evil.example/"}}


async def error_of(sign_in, **entry):
    with pytest.raises((SignInRefused, ProviderUnavailable)) as caught:
        await sign_in(**entry)
    return caught.value.error_id


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("issuer", {"issuer": "https://evil.example"}),
        ("issuer", {"issuer": "https://idp.example/"}),
        ("endpoints", {"token_endpoint": "http://127.0.0.1:{port}/token"}),
        ("endpoints", {"jwks_uri": "http://127.0.0.1:{port}/jwks"}),
        ("endpoints", {"userinfo_endpoint": "http://idp.example/userinfo"}),
        ("endpoints", {"authorization_endpoint": "http://idp.example/authorize"}),
        ("endpoints", {"authorization_endpoint": "https://user:secret@idp.example/authorize"}),
        ("pkce", {"code_challenge_methods_supported": ["plain"]}),
        ("code_flow", {"response_types_supported": ["id_token"]}),
        ("lists", {"scopes_supported": ["openid", 1]}),
        ("lists", {"scopes_supported": ["openid"] * 201}),
    ],
)
async def test_metadata_are_refused_by_one_check(monkeypatch, sign_in, model, check, changes):
    port = model.url.rpartition(":")[2]
    model.metadata = {
        name: value.format(port=port) if isinstance(value, str) else value for name, value in changes.items()
    }
    assert await error_of(sign_in) == "provider_metadata"
    assert model.asked("token") == 0
    monkeypatch.setitem(METADATA_CHECKS, check, lambda *_: None)
    assert await sign_in()


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize("value", [MISSING, None, 1, "/token", "javascript:alert(1)", "file:///etc/passwd"])
async def test_an_invalid_endpoint_is_refused(sign_in, model, name, value):
    model.metadata[name] = value
    assert await error_of(sign_in) == "provider_metadata"


@pytest.mark.parametrize("value", [[], {}, "maybe", 1])
async def test_an_invalid_announcement_of_iss_announces_nothing(sign_in, model, value):
    model.metadata["authorization_response_iss_parameter_supported"] = value
    assert await sign_in()


@pytest.mark.parametrize("value", [True, "true"])
async def test_a_response_without_the_announced_iss_is_refused(sign_in, model, value):
    model.metadata["authorization_response_iss_parameter_supported"] = value
    assert await error_of(sign_in) == "sign_in_response_issuer_present"


@pytest.mark.parametrize(
    ("endpoint", "error_id"),
    [
        ("openid-configuration", "provider_metadata"),
        ("jwks", "provider_keys"),
        ("token", "provider_token_response"),
        ("userinfo", "provider_userinfo"),
    ],
)
@pytest.mark.parametrize(
    "answer", [HTML, {"body": b"[]"}, {"body": b""}, {"body": b'{"a": 1, "a": 2}'}, {"body": b'{"a": NaN}'}]
)
async def test_anything_but_a_strict_json_object_is_refused(sign_in, model, endpoint, error_id, answer):
    model.answers[endpoint] = answer
    assert await error_of(sign_in, userinfo=True) == error_id


@pytest.mark.parametrize(
    ("endpoint", "error_id", "limit"),
    [
        ("openid-configuration", "provider_metadata", MAX_METADATA_BYTES),
        ("jwks", "provider_keys", MAX_JWKS_BYTES),
        ("token", "provider_token_endpoint", MAX_RESPONSE_BYTES),
        ("userinfo", "provider_userinfo", userinfo.MAX_USERINFO_BYTES),
    ],
)
async def test_redirects_errors_and_oversized_responses_are_refused(sign_in, model, endpoint, error_id, limit):
    for answer in (REDIRECT, {"status": 500}, {"status": 204}, {"body": b" " * (limit + 1)}):
        model.answers[endpoint] = answer
        assert await error_of(sign_in, userinfo=True) == error_id
    assert asked_paths(model) <= {"openid-configuration", "jwks", "token", "userinfo"}


def asked_paths(model):
    return {name for name, _, _ in model.requests}


async def test_a_token_endpoint_that_hangs_times_out(sign_in, model):
    model.hanging.add("token")
    sign_in.http._timeout = 0.3
    assert await error_of(sign_in) == "provider_token_endpoint"


@pytest.mark.parametrize(
    "changes",
    [
        {"id_token": MISSING},
        {"id_token": ""},
        {"id_token": ["a.b.c"]},
        {"access_token": MISSING},
        {"access_token": 1},
        {"access_token": "x\r\nX-Evil: 1"},
        {"access_token": "x" * 16_385},
    ],
)
async def test_a_token_response_without_valid_tokens_is_refused(sign_in, model, changes):
    model.tokens = changes
    assert await error_of(sign_in) == "provider_token_response"


@pytest.mark.parametrize("token_type", [MISSING, None, "", "mac", "DPoP", "Bearer ", ["Bearer"], 1])
async def test_a_token_of_another_type_is_refused(monkeypatch, sign_in, model, token_type):
    """OpenID Connect Core section 3.1.3.3."""
    model.tokens["token_type"] = token_type
    assert await error_of(sign_in) == "provider_token_response"
    monkeypatch.setattr(token_request, "token_type_problem", lambda _: None)
    assert await sign_in()


@pytest.mark.parametrize("token_type", ["Bearer", "bearer", "BEARER"])
async def test_upper_and_lower_case_of_a_token_type_are_equal(sign_in, model, token_type):
    model.tokens["token_type"] = token_type
    assert await sign_in()


@pytest.mark.parametrize(
    ("status", "error", "error_id"),
    [
        (400, "invalid_grant", "sign_in_code"),
        (400, "<script>", "sign_in_code"),
        (400, "invalid_client", "provider_rejects_client"),
        (401, "invalid_client", "provider_rejects_client"),
        (503, "temporarily_unavailable", "provider_token_endpoint"),
    ],
)
async def test_an_error_of_the_token_endpoint_is_attributed_to_its_cause(sign_in, model, status, error, error_id):
    body = json.dumps({"error": error, "error_description": "AADSTS700016: a-code a secret"}).encode()
    model.answers["token"] = {"status": status, "body": body}
    with pytest.raises((SignInRefused, ProviderUnavailable)) as caught:
        await sign_in()
    assert caught.value.error_id == error_id
    assert "AADSTS700016" in str(caught.value)
    assert not any(secret in str(caught.value) for secret in ("a-code", "a secret", "<script>"))


# ID tokens that several checks refuse: no single one can be taken out to let them in.


def unsigned(header, body):
    return f"{b64(header)}.{b64(body)}."


@pytest.mark.parametrize(
    ("sign", "header", "error_id"),
    [
        (unsigned, {"alg": "none"}, "id_token_form"),
        (lambda header, body: unsigned(header, body) + "AAAA", {"alg": "none"}, "id_token_algorithm"),
        (lambda header, body: unsigned(header, body) + "AAAA", {}, "id_token_signature"),
        (unsigned, {}, "id_token_form"),
        (lambda *_: "eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA", {}, "id_token_form"),
        (lambda *_: "x" * (id_token.MAX_ID_TOKEN_BYTES + 1), {}, "id_token_form"),
        (lambda *_: "ü.ü.ü", {}, "id_token_form"),
    ],
    ids=["alg none", "alg none, signed", "signature other", "signature empty", "encrypted", "too long", "not ascii"],
)
async def test_a_malformed_or_unsigned_id_token_is_refused(sign_in, model, sign, header, error_id):
    model.sign, model.header = sign, header
    assert await error_of(sign_in) == error_id


async def test_a_mac_made_with_the_public_key_is_no_signature(sign_in, model):
    """Refused by the list of algorithms, by the kind of the key, and by the one algorithm that a key verifies."""

    def sign(header, body):
        signing_input = f"{b64(header)}.{b64(body)}"
        mac = hmac.new(model.key.as_pem(private=False), signing_input.encode(), hashlib.sha256)
        return f"{signing_input}.{b64(mac.digest())}"

    model.sign, model.header = sign, {"alg": "HS256"}
    assert await error_of(sign_in) == "id_token_algorithm"


@pytest.mark.parametrize("kid", [1, None, "", "x" * 201, "ü", ["key-1"]])
async def test_a_kid_that_is_no_short_string_is_refused(sign_in, model, kid):
    """It would name no key either."""
    model.header, model.published = {"kid": kid}, [public(model.key), public(signing_key("second"))]
    assert await error_of(sign_in) in {"id_token_kid", "id_token_key"}


async def test_a_token_without_kid_is_refused_if_several_keys_fit(sign_in, model):
    model.header["kid"] = MISSING
    assert await sign_in()
    model.published.append(public(signing_key("second")))
    assert await error_of(sign_in) == "id_token_key"


@pytest.mark.parametrize("subject", [MISSING, None, "", 1, ["user-1"], "x" * 256, "user\n1", "user\x001"])
async def test_an_invalid_subject_is_refused(monkeypatch, sign_in, model, subject):
    """Twice: as a claim of the token, and when the identity is made."""
    model.claims["sub"] = subject
    assert await error_of(sign_in) == "id_token_subject"
    monkeypatch.setitem(id_token.CLAIMS_CHECKS, "subject", lambda *_: None)
    assert await error_of(sign_in) == "identity_subject"
    monkeypatch.setattr(identity_mapping, "is_subject", lambda _: True)
    assert await sign_in()


@pytest.mark.parametrize("tenant", [MISSING, "organizations", "evil", "11111111-2222-3333-4444-55555555555A"])
async def test_a_tenant_that_is_no_directory_id_is_refused(sign_in, model, tenant):
    """By its form, by the issuer that it fills, and as a part of the subject."""
    model.issuer = "https://login.microsoftonline.com/{tenantid}/v2.0"
    model.claims = {"tid": tenant, "oid": "o", "iss": f"https://login.microsoftonline.com/{tenant}/v2.0"}
    assert await error_of(sign_in, preset="entra", tenant="organizations") == "id_token_tenant"


# Keys


async def test_keys_with_a_private_one_among_them_are_refused(monkeypatch, sign_in, model):
    model.published.append(dict(signing_key("second").as_dict(private=True)))
    assert await error_of(sign_in) == "provider_keys"
    monkeypatch.setattr(provider_keys, "check_published", lambda _: None)
    assert await sign_in()


async def test_a_weak_rsa_key_verifies_nothing(monkeypatch, sign_in, model):
    pair = rsa.generate_private_key(65537, 1024)
    numbers = pair.public_key().public_numbers()
    weak = {"kty": "RSA", "kid": "key-1", "n": b64(numbers.n.to_bytes(128)), "e": b64(numbers.e.to_bytes(3))}
    model.published = [weak]
    monkeypatch.setattr(id_token, "signature_problem", lambda *_: None)
    assert await error_of(sign_in) == "provider_keys"
    monkeypatch.setattr(keys, "MIN_RSA_BITS", 1024)
    with pytest.warns(match="2048"):
        assert await sign_in()


@pytest.mark.parametrize(
    "published",
    [
        lambda key: {"keys": [public(key), public(signing_key("second")) | {"kid": key.kid}]},
        lambda key: {"keys": [public(key), {"kty": "oct", "k": "c2VjcmV0"}]},
        lambda key: {"keys": [public(key)] * 65},
        lambda key: {"keys": public(key)},
        lambda key: {"keys": [public(key), "key"]},
        lambda _: {},
    ],
)
async def test_an_invalid_jwks_is_refused(sign_in, model, published):
    model.answers["jwks"] = {"body": json.dumps(published(model.key)).encode()}
    assert await error_of(sign_in) == "provider_keys"


@pytest.mark.parametrize("change", [{"use": "enc"}, {"alg": "RS512"}, {"key_ops": ["sign"]}, {"kty": ["RSA"]}])
async def test_a_key_for_another_use_verifies_nothing(sign_in, model, change):
    model.published[0] |= change
    assert await error_of(sign_in) == "provider_keys"


@pytest.mark.parametrize("subject", ["user-2", MISSING, None, 1])
async def test_userinfo_of_another_user_is_refused(monkeypatch, sign_in, model, subject):
    model.userinfo["sub"] = subject
    assert await error_of(sign_in, userinfo=True) == "userinfo_subject"
    monkeypatch.setattr(userinfo, "subject_problem", lambda *_: None)
    assert (await sign_in(userinfo=True)).subject == "user-1"


async def test_a_stolen_code_is_worthless_in_another_sign_in(sign_in, model):
    """PKCE: the verifier of one sign-in does not fit the challenge of another."""
    provider = sign_in.provider()
    await sign_in.at(provider)
    model.authorization["code_challenge"] = "of-another-sign-in"
    with pytest.raises(SignInRefused) as caught:
        await provider.identify(sign_in.pending(), {"code": "a-code"})
    assert caught.value.error_id == "sign_in_code"
