"""Honest sign-ins: what is asked of the provider, and the identity that comes of it."""

import base64
import hashlib
import json
from urllib.parse import parse_qs, unquote_plus, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from auth_service.federation.provider import AuthorizationUrlRequest, SignInRefused
from tests.support.local_issuer import b64
from tests.support.oidc_model import CLIENT_ID, ENTRY, MISSING, NOW, REDIRECT_URI, VERIFIER, signing_key

MICROSOFT = "https://login.microsoftonline.com"
TENANT = "11111111-2222-3333-4444-555555555555"


def pem(algorithm="RS256"):
    return signing_key("of-this-client", algorithm).as_pem(private=True).decode()


async def parameters_of(sign_in, *, pending=None, request=None, **changes):
    pending = sign_in.pending(sign_in.entry(**changes), **(pending or {}))
    url = await sign_in.provider(**changes).authorization_url(pending, request or AuthorizationUrlRequest())
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query, strict_parsing=True).items()}


async def test_the_request_binds_the_response_to_this_sign_in(sign_in):
    assert await parameters_of(sign_in) == {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": "openid profile email",
        "state": "state-of-this-sign-in",
        "nonce": "nonce-of-this-sign-in",
        "code_challenge": b64(hashlib.sha256(VERIFIER.encode()).digest()),
        "code_challenge_method": "S256",
    }


@pytest.mark.parametrize(
    ("preset", "prompt"), [(None, "login"), ({"preset": "google"}, "select_account"), ({"preset": "gitlab"}, "login")]
)
async def test_a_new_sign_in_is_asked_for_as_the_provider_knows_it(sign_in, model, preset, prompt):
    model.issuer = {"google": "https://accounts.google.com", "gitlab": "https://gitlab.com"}.get(
        (preset or {}).get("preset", ""), model.issuer
    )
    request = AuthorizationUrlRequest(login_hint="ada+1@exämple.org", force_reauthentication=True)
    sent = await parameters_of(sign_in, pending={"max_age": 0}, request=request, **(preset or {}))
    assert (sent["prompt"], sent["max_age"], sent["login_hint"]) == (prompt, "0", "ada+1@exämple.org")


async def test_parameters_of_the_entry_and_of_the_endpoint_are_kept(sign_in, model):
    model.metadata["authorization_endpoint"] = "https://idp.example/authorize?policy=b2c_1&empty="
    sent = await parameters_of(sign_in, response_mode="form_post", authorization_parameters={"acr_values": "a b&c"})
    assert (sent["policy"], sent["acr_values"], sent["response_mode"]) == ("b2c_1", "a b&c", "form_post")


async def test_a_hint_that_is_too_long_is_not_sent(sign_in):
    assert "login_hint" not in await parameters_of(sign_in, request=AuthorizationUrlRequest(login_hint="x" * 321))


async def test_a_user_that_declines_has_cancelled(sign_in, model):
    model.response = {"error": "access_denied", "code": MISSING}
    with pytest.raises(SignInRefused) as caught:
        await sign_in()
    assert (caught.value.cancelled, caught.value.error_id) == (True, "sign_in_declined")
    model.response = {"error": "server_error"}  # beside a code, too
    with pytest.raises(SignInRefused) as caught:
        await sign_in()
    assert (caught.value.cancelled, caught.value.error_id) == (False, "sign_in_response_error")


# Presets


async def test_google_states_the_domain_that_manages_the_account(sign_in, model):
    model.issuer = "https://accounts.google.com"
    model.claims = {"hd": "example.org", "email": "ada@example.org", "email_verified": True, "azp": CLIENT_ID}
    identity = await sign_in(preset="google", allow={"domains": ["example.org"]})
    assert (identity.domain, identity.email_verified, identity.issuer) == ("example.org", True, model.issuer)
    assert model.authorization["hd"] == "example.org"
    model.claims["iss"] = "accounts.google.com"
    assert (await sign_in(preset="google")).key == identity.key


async def test_a_domain_from_userinfo_is_none(sign_in, model):
    model.issuer, model.userinfo = "https://accounts.google.com", {"hd": "example.org"}
    assert (await sign_in(preset="google", userinfo=True)).domain is None


async def test_entra_with_one_tenant_knows_users_by_their_object(sign_in, model):
    model.issuer = f"{MICROSOFT}/{TENANT}/v2.0"
    model.published[0]["issuer"] = f"{MICROSOFT}/{{tenantid}}/v2.0"
    model.claims = {"tid": TENANT, "oid": "object-1", "email": "admin@example.org", "email_verified": True}
    identity = await sign_in(preset="entra", tenant=TENANT)
    assert (identity.subject, identity.issuer) == ("object-1", model.issuer)
    assert not identity.email_verified


@pytest.mark.invariant(13)
async def test_entra_with_several_tenants_knows_users_by_tenant_and_object(sign_in, model):
    model.issuer = f"{MICROSOFT}/{{tenantid}}/v2.0"
    other = TENANT.replace("1", "2")
    found = []
    for tenant in (TENANT, other):
        model.claims = {"tid": tenant, "oid": "object-1", "iss": f"{MICROSOFT}/{tenant}/v2.0", "email": "a@b.example"}
        found.append(await sign_in(preset="entra", tenant="organizations"))
    assert [identity.subject for identity in found] == [f"{TENANT}.object-1", f"{other}.object-1"]
    assert found[0].key != found[1].key


async def test_entra_of_personal_accounts_has_a_tenant_of_its_own(sign_in, model):
    tenant = "9188040d-6c67-4c5b-b112-36a304b66dad"
    model.issuer = f"{MICROSOFT}/{tenant}/v2.0"
    model.claims = {"tid": tenant, "oid": "object-1"}
    assert (await sign_in(preset="entra", tenant="consumers")).issuer == model.issuer


async def test_the_issuer_of_auth0_keeps_its_slash(sign_in, model):
    model.issuer = "https://tenant.auth0.com/"
    identity = await sign_in(preset="auth0", issuer=model.issuer)
    assert identity.issuer == "https://tenant.auth0.com/"


@pytest.mark.parametrize(
    ("preset", "issuer", "claim"),
    [
        ("okta", "https://org.okta.com", "groups"),
        ("keycloak", "https://kc.example/realms/staff", "groups"),
        ("gitlab", "https://gitlab.com", "groups_direct"),
    ],
)
async def test_presets_know_the_claim_of_groups(sign_in, model, preset, issuer, claim):
    model.issuer, model.claims = issuer, {claim: ["staff", "admins"], "preferred_username": "ada"}
    identity = await sign_in(preset=preset, issuer=issuer)
    assert (identity.groups, identity.groups_complete, identity.login) == (("staff", "admins"), True, "ada")
    assert claim not in identity.claims


# Client authentication


async def test_a_secret_in_the_header_is_form_encoded(sign_in, model):
    await sign_in(token_endpoint_auth_method="client_secret_basic", client_id=CLIENT_ID)
    _, form, headers = next(request for request in model.requests if request[0] == "token")
    pair = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode().split(":")
    assert [unquote_plus(part) for part in pair] == [CLIENT_ID, ENTRY["client_secret"]]
    assert "client_secret" not in form
    assert (form["grant_type"], form["redirect_uri"]) == ("authorization_code", REDIRECT_URI)


@pytest.mark.parametrize(
    ("secret", "offered", "in_the_body"),
    [
        ("plain", ["client_secret_basic", "client_secret_post"], False),
        ("a:b+", ["client_secret_basic", "client_secret_post"], True),
        ("a:b+", ["client_secret_basic"], False),
        ("plain", ["client_secret_post"], True),
        ("plain", MISSING, False),
    ],
)
async def test_the_method_is_one_that_the_provider_offers(sign_in, model, secret, offered, in_the_body):
    model.metadata["token_endpoint_auth_methods_supported"] = offered
    await sign_in(client_secret=secret)
    _, form, headers = next(request for request in model.requests if request[0] == "token")
    assert (form.get("client_secret") == secret, "Authorization" in headers) == (in_the_body, not in_the_body)


@pytest.mark.parametrize(
    ("entry", "audience", "header"),
    [
        ({}, "https://idp.example/token", {"alg": "RS256"}),
        (
            {"assertion_audience": "issuer", "private_key_id": "k1"},
            "https://idp.example",
            {"alg": "RS256", "kid": "k1"},
        ),
    ],
)
async def test_a_private_key_signs_an_assertion_for_each_request(sign_in, model, entry, audience, header):
    key = pem()
    provider = sign_in.provider(client_secret=MISSING, private_key=key, **entry)
    for _ in range(2):
        await sign_in.at(provider)
    forms = [form for name, form, _ in model.requests if name == "token"]
    assertions = [jwt.decode(form["client_assertion"], RSAKey.import_key(key)) for form in forms]
    claims = assertions[0].claims
    assert {name: claims[name] for name in ("iss", "sub", "aud")} == {
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "aud": audience,
    }
    assert (claims["iat"], claims["exp"]) == (NOW, NOW + 60)
    assert assertions[0].header.items() >= header.items()
    assert claims["jti"] != assertions[1].claims["jti"]
    assert "client_secret" not in forms[0]


async def test_the_assertion_for_entra_names_the_certificate(sign_in, model):
    model.issuer = f"{MICROSOFT}/{TENANT}/v2.0"
    model.claims = {"tid": TENANT, "oid": "object-1"}
    key = pem()
    entry = {"preset": "entra", "tenant": TENANT, "client_secret": MISSING, "private_key": key}
    await sign_in(**entry, private_key_id="dGh1bWI")
    assertion = next(form for name, form, _ in model.requests if name == "token")["client_assertion"]
    header = json.loads(base64.urlsafe_b64decode(assertion.split(".")[0] + "=="))
    assert (header["alg"], header["x5t#S256"]) == ("PS256", "dGh1bWI")


async def test_a_key_on_p256_signs_with_es256(sign_in, model):
    key = pem("ES256")
    await sign_in(client_secret=MISSING, private_key=key)
    form = next(form for name, form, _ in model.requests if name == "token")
    assert jwt.decode(form["client_assertion"], ECKey.import_key(key)).header["alg"] == "ES256"


async def test_no_secret_is_in_a_log_or_a_reason(sign_in, model, caplog):
    """Code, verifier, client secret, assertion and the tokens of the provider."""
    caplog.set_level("DEBUG")
    secrets = ["a-code", VERIFIER, ENTRY["client_secret"], "at-1", "eyJ"]
    model.tokens, told = {"access_token": "at-1", "error_description": "a-code"}, []
    refused = ({"nonce": "another"}, {"aud": "another"}, {"at_hash": "x"}, {"iss": "https://evil.example"})
    for changes in refused:
        model.claims = changes
        with pytest.raises(SignInRefused) as caught:
            await sign_in()
        told.append(f"{caught.value} {caught.value.__cause__!r}")
    model.claims = {}
    model.answers["token"] = {"status": 400, "body": b'{"error": "invalid_grant", "error_description": "a-code"}'}
    with pytest.raises(SignInRefused) as caught:
        await sign_in()
    told.append(f"{caught.value} {caught.value.__cause__!r}")
    texts = [*told, *(record.getMessage() for record in caplog.records if record.name != "aiohttp.access")]
    assert [secret for secret in secrets for text in texts if secret in text] == []
