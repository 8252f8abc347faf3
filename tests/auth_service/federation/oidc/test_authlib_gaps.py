"""What Authlib leaves open and this server closes (ADR 0009): what the library does beside what this server does.

A failure after an upgrade says that a gap is closed, and that a check here may go.
"""

import base64

import pytest
from authlib.oauth2.auth import encode_client_secret_basic
from authlib.oidc.core.claims import CodeIDToken
from authlib.oidc.discovery import OpenIDProviderMetadata

from auth_service.federation.provider import ProviderUnavailable, SignInRefused
from tests.support.oidc_model import CLIENT_ID, MISSING, NOW

pytestmark = pytest.mark.invariant(13)
NONCE = "nonce-of-this-sign-in"
HONEST = {"iss": "https://idp.example", "sub": "1", "aud": CLIENT_ID, "iat": NOW, "exp": NOW + 300, "nonce": NONCE}


def accepted_by_the_library(changes, **parameters):
    claims = {name: value for name, value in {**HONEST, **changes}.items() if value is not MISSING}
    expected = {"client_id": CLIENT_ID, "nonce": NONCE, "access_token": "at-1", **parameters}
    CodeIDToken(claims, {"alg": "RS256"}, params=expected).validate(now=NOW, leeway=60)


@pytest.mark.parametrize(
    ("changes", "check", "max_age"),
    [
        ({"aud": "another", "azp": CLIENT_ID}, "audience", None),
        ({"aud": [CLIENT_ID, "another"], "azp": CLIENT_ID}, "audience", None),
        ({"azp": ""}, "authorized_party", None),
        ({"at_hash": ""}, "access_token_hash", None),
        ({"iat": NOW - 86_400}, "issued_at", None),
        ({"iss": "https://evil.example"}, "issuer", None),
        ({"sub": ""}, "subject", None),
        ({"auth_time": MISSING}, "authentication_time", 0),
        ({"auth_time": NOW - 86_400}, "authentication_time", 60),
    ],
)
async def test_the_library_accepts_claims_that_are_refused_here(sign_in, model, changes, check, max_age):
    accepted_by_the_library(changes, max_age=max_age)
    model.claims = changes
    with pytest.raises(SignInRefused) as caught:
        await sign_in(pending={"max_age": max_age})
    assert caught.value.error_id == f"id_token_{check}"


async def test_the_library_compares_no_nonce_if_none_is_expected(sign_in):
    accepted_by_the_library({"nonce": "another"}, nonce="")
    with pytest.raises(SignInRefused) as caught:
        await sign_in.at(sign_in.provider(), sign_in.pending(nonce=""))
    assert caught.value.error_id == "id_token_nonce"


def test_the_library_leaves_out_the_form_encoding_of_a_secret():
    """Ours is in test_sign_in.py."""
    _, headers, _ = encode_client_secret_basic(_Client(), "POST", "https://idp.example/token", {}, "")
    assert base64.b64decode(headers["Authorization"].removeprefix("Basic ")) == b"client-1:a+%:b"


@pytest.mark.parametrize("endpoint", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
async def test_the_variable_that_lets_the_library_use_plain_http_changes_nothing_here(
    monkeypatch, sign_in, model, endpoint
):
    """`AUTHLIB_INSECURE_TRANSPORT` is for its HTTP clients and its validation; here it builds texts only."""
    model.metadata[endpoint] = "http://idp.example/plain"
    document = OpenIDProviderMetadata(model.metadata_document())
    validate = getattr(document, f"validate_{endpoint}")
    with pytest.raises(ValueError, match="https"):
        validate()
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    validate()
    with pytest.raises(ProviderUnavailable) as caught:
        await sign_in()
    assert caught.value.error_id == "provider_metadata"


class _Client:
    client_id, client_secret = CLIENT_ID, "a+%:b"


def test_the_library_refuses_metadata_without_rs256_and_compares_no_issuer():
    """Why the metadata are checked without it."""
    document = {
        "issuer": "https://evil.example",
        "authorization_endpoint": "https://idp.example/authorize",
        "token_endpoint": "https://idp.example/token",
        "jwks_uri": "https://idp.example/jwks",
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
    }
    OpenIDProviderMetadata(document).validate()
    with pytest.raises(ValueError, match="RS256"):
        OpenIDProviderMetadata(document | {"id_token_signing_alg_values_supported": ["ES256"]}).validate()
