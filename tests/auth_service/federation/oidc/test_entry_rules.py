"""Entries of AUTH_IDENTITY_PROVIDERS that would do something else than they say are refused, with the reason."""

import pytest
from joserfc.jwk import ECKey

from auth_service.federation.provider_list import parse_providers
from tests.support.entra_model import PERSONAL_ACCOUNTS
from tests.support.oidc_model import ENTRY, ISSUER, MISSING, signing_key, with_changes

TENANT = "11111111-2222-3333-4444-555555555555"
ENTRA = {"preset": "entra", "tenant": TENANT, "issuer": MISSING}
SEVERAL = {"preset": "entra", "tenant": "common", "issuer": MISSING}


def parse(changes):
    (entry,) = parse_providers([with_changes({**ENTRY, "issuer": ISSUER}, changes)])
    return entry


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"preset": "google", "issuer": MISSING},
        {"preset": "google", "issuer": "https://accounts.google.com"},
        {"preset": "gitlab", "issuer": MISSING},
        {"preset": "gitlab", "issuer": "https://git.example"},
        {"preset": "okta", "issuer": "https://org.okta.com/oauth2/default"},
        {"preset": "auth0", "issuer": "https://org.auth0.com/"},
        {"preset": "keycloak", "issuer": "https://kc.example/auth/realms/staff"},
        {"issuer": "http://127.0.0.1:8080/realms/dev"},
        ENTRA,
        SEVERAL,
        {**ENTRA, "tenant": "consumers"},
        {**SEVERAL, "tenants": [TENANT]},
        {**SEVERAL, "tenant": "common", "tenants": [TENANT, PERSONAL_ACCOUNTS]},
        {**ENTRA, "issuer": "https://login.microsoftonline.us/{tenantid}/v2.0"},
        {**ENTRA, "email_verified_claim": "xms_edov", "allow": {"domains": ["example.org"]}},
        {"groups_claim": "roles", "allow": {"groups": ["staff"]}},
        {"preset": "okta", "deny": {"groups": ["suspended"]}},
        {"allow": {"domains": ["example.org"]}},
        {"preset": "google", "issuer": MISSING, "email_verified_claim": None, "allow": {"domains": ["example.org"]}},
    ],
)
def test_an_entry_that_means_what_it_says_is_accepted(changes):
    assert parse(changes).id == "corp"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"issuer": MISSING}, "issuer is missing"),
        ({"preset": "okta", "issuer": MISSING}, "issuer is missing"),
        ({"issuer": "https://idp.example?a=b"}, "query"),
        ({"issuer": "https://idp.example/{tenantid}/v2.0"}, "placeholder"),
        ({"issuer": "http://idp.example"}, "neither https nor http on a loopback"),
        ({"issuer": "https://user:word@idp.example"}, "user information"),
        ({"preset": "google", "issuer": "https://accounts.google.com/"}, "leave issuer out"),
        ({"preset": "auth0", "issuer": "https://org.auth0.com"}, "final slash"),
        ({"preset": "okta", "issuer": "https://org.okta.com/"}, "no final slash"),
        ({"preset": "keycloak", "issuer": "https://kc.example"}, "ends with the realm"),
        ({"preset": "keycloak", "issuer": "https://kc.example/realms/staff/"}, "ends with the realm"),
        ({**ENTRA, "issuer": f"https://login.microsoftonline.us/{TENANT}/v2.0"}, "another Microsoft cloud"),
        ({"tenant": TENANT}, 'for the preset "entra" only'),
        ({"tenants": [TENANT]}, 'for the preset "entra" only'),
        ({**ENTRA, "tenant": MISSING}, "tenant is missing"),
        ({**ENTRA, "tenant": "contoso.example"}, "no directory id"),
        ({**ENTRA, "tenant": TENANT[:-1] + "A"}, "no directory id"),
        ({**ENTRA, "tenants": [TENANT]}, "names a single one"),
        ({**SEVERAL, "tenants": ["contoso.example"]}, "not a directory id"),
        ({**SEVERAL, "tenant": "organizations", "tenants": [PERSONAL_ACCOUNTS]}, "organizations excludes: use common"),
        ({**ENTRA, "scopes": ["openid"]}, "lacks profile"),
        ({**ENTRA, "email_verified_claim": "email_verified"}, "verifies no addresses"),
        ({**ENTRA, "allow": {"emails": ["ada@example.org"]}}, "allow.emails never matches"),
        ({**ENTRA, "allow": {"domains": ["example.org"]}}, "allow.domains never matches"),
        ({"email_verified_claim": None, "deny": {"domains": ["example.org"]}}, "deny.domains never matches"),
        ({"allow": {"claims": {"email": ["ada@example.org"]}}}, "use emails or domains"),
        ({"allow": {"groups": ["staff"]}}, "allow.groups never matches"),
        ({"allow": {"organizations": ["acme"]}}, "only GitHub has"),
        ({"allow": {"teams": ["acme/staff"]}}, "only GitHub has"),
        ({"scopes": ["profile"]}, "lacks openid"),
        ({"scopes": ["openid", "a b"]}, "without spaces"),
        ({"id_token_algorithms": []}, "no ID token could be verified"),
        ({"id_token_algorithms": ["HS256"]}, "id_token_algorithms"),
        ({"id_token_algorithms": ["none"]}, "id_token_algorithms"),
        ({"authorization_parameters": {"nonce": "x"}}, "set by this server"),
        ({"authorization_parameters": {"a b": "x"}}, "no parameter"),
        ({"client_secret": MISSING}, "give one of"),
        ({"private_key": "x"}, "give one of"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "there is no private_key"),
        ({"private_key_id": "k1"}, "there is none"),
        ({"client_secret": MISSING, "private_key": "x"}, "not an unencrypted private key in PEM"),
    ],
)
def test_an_entry_that_does_not_is_refused(changes, reason):
    with pytest.raises(ValueError, match="entry 1") as caught:
        parse(changes)
    assert reason in str(caught.value)
    assert ENTRY["client_secret"] not in str(caught.value)
    assert "user:word" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"token_endpoint_auth_method": "client_secret_basic"}, "the credential is a private_key"),
        (ENTRA, "thumbprint of the certificate"),
    ],
)
def test_a_private_key_has_what_it_needs(changes, reason):
    key = signing_key("of-this-client", "ES256").as_pem(private=True).decode()
    with pytest.raises(ValueError, match=reason) as caught:
        parse({"client_secret": MISSING, "private_key": key, **changes})
    assert key[40:80] not in str(caught.value)


@pytest.mark.parametrize("curve", ["P-384", "secp256k1"])
def test_a_key_of_another_curve_is_refused(curve):
    key = ECKey.generate_key(curve).as_pem(private=True).decode()
    with pytest.raises(ValueError, match="neither an RSA key nor one on the curve P-256"):
        parse({"client_secret": MISSING, "private_key": key})
