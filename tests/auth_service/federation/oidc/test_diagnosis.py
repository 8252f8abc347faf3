"""What the provider's own documents show to be wrong with an entry, without a sign-in."""

import pytest

from auth_service.federation.provider import ProviderDiagnosis
from tests.support.oidc_model import MISSING

DISCOVERY = "https://idp.example/.well-known/openid-configuration"


async def test_an_entry_that_fits_has_no_problems(sign_in, model):
    assert await sign_in.provider(userinfo=True).diagnose() == ProviderDiagnosis()
    assert model.asked("token") == 0


@pytest.mark.parametrize(
    ("entry", "metadata", "problem"),
    [
        ({}, {"issuer": "https://other.example"}, "but exactly 'https://idp.example' is configured"),
        ({}, {"token_endpoint": MISSING}, "the metadata have no token_endpoint"),
        ({}, {"code_challenge_methods_supported": ["plain"]}, "PKCE without S256"),
        ({}, {"code_challenge_methods_supported": 5}, "code_challenge_methods_supported is not a list"),
        ({}, {"response_types_supported": {}}, "response_types_supported is not a list"),
        ({}, {"token_endpoint_auth_methods_supported": ["tls_client_auth"]}, "only tls_client_auth"),
        ({}, {"id_token_signing_alg_values_supported": ["PS512"]}, "signs ID tokens with PS512"),
        ({"response_mode": "form_post"}, {"response_modes_supported": ["query"]}, "response mode form_post"),
        ({"userinfo": True}, {"userinfo_endpoint": MISSING}, "no userinfo endpoint"),
        ({"id_token_algorithms": ["ES256"]}, {"id_token_signing_alg_values_supported": MISSING}, "no key for ES256"),
    ],
)
async def test_what_does_not_fit_is_named(sign_in, model, entry, metadata, problem):
    model.metadata = metadata
    (found,) = (await sign_in.provider(**entry).diagnose()).problems
    assert problem in found
    assert found.endswith(".")


async def test_scopes_that_the_provider_does_not_list_are_a_warning(sign_in, model):
    model.metadata = {"scopes_supported": ["openid"]}
    diagnosis = await sign_in.provider(scopes=["openid", "groups"]).diagnose()
    assert diagnosis.problems == ()
    assert "the scopes groups" in diagnosis.warnings[0]


@pytest.mark.parametrize(
    ("endpoint", "answer", "problem"),
    [
        ("openid-configuration", {"status": 404}, "cannot be fetched"),
        ("openid-configuration", {"status": 302, "headers": {"Location": "https://evil.example/"}}, "status 302"),
        ("openid-configuration", {"body": b"<html>"}, "no JSON object"),
        ("jwks", {"status": 500}, "cannot be fetched"),
        ("jwks", {"body": b'{"keys": [{"kty": "oct", "k": "AA"}]}'}, "not public"),
        ("jwks", {"body": b'{"keys": []}'}, "no key for"),
    ],
)
async def test_documents_that_cannot_be_used_are_named(sign_in, model, endpoint, answer, problem):
    model.answers[endpoint] = answer
    (found,) = (await sign_in.provider().diagnose()).problems
    assert found.startswith(DISCOVERY if endpoint != "jwks" else "https://idp.example/jwks")
    assert problem in found


async def test_a_diagnosis_keeps_nothing(sign_in, model):
    provider = sign_in.provider()
    model.answers["jwks"] = {"status": 500}
    await provider.diagnose()
    model.answers.clear()
    assert provider.is_available
    assert await sign_in.at(provider)
