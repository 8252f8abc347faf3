"""The authorization server's metadata: one document, everywhere a client may look, and nothing that is not so."""

import asyncio
import json

import pytest

from tests.support.auth_server import FILES, ISSUER, NOTES, RESOURCES
from tests.support.oauth import unverified_claims

ROOT = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"]
BELOW = [
    "/.well-known/oauth-authorization-server/tenant",
    "/.well-known/openid-configuration/tenant",
    "/tenant/.well-known/oauth-authorization-server",
    "/tenant/.well-known/openid-configuration",
]


def golden(issuer):
    """The members that each release must have; others may be added."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "registration_endpoint": f"{issuer}/register",
        "revocation_endpoint": f"{issuer}/token/revoke",
        "introspection_endpoint": f"{issuer}/token/introspect",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": [
            "none",
            "client_secret_basic",
            "client_secret_post",
            "private_key_jwt",
        ],
        "client_id_metadata_document_supported": True,
        "authorization_response_iss_parameter_supported": True,
        "scopes_supported": [
            "notes:read",
            "notes:write",
            "files:read",
            "openid",
            "profile",
            "email",
            "offline_access",
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "protected_resources": [NOTES, FILES],
    }


@pytest.mark.invariant(1, 11)
@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        (ISSUER, ROOT),
        ("https://auth.example/tenant", BELOW),
        ("http://localhost:9000", ROOT),
        ("http://[::1]:9000", ROOT),
    ],
)
async def test_every_address_has_the_same_document_byte_for_byte(start_auth, issuer, paths):
    """Interop.md A1 and A2."""
    auth = await start_auth(ISSUER=issuer)
    answers = await asyncio.gather(*(auth.get(path) for path in paths))
    assert {(a.status, a.headers["Content-Type"]) for a in answers} == {(200, "application/json")}
    assert len({a.body for a in answers}) == 1
    assert golden(issuer).items() <= answers[0].json.items()
    assert answers[0].headers["Cache-Control"] == "public, max-age=300"
    assert answers[0].headers["Access-Control-Allow-Origin"] == "*"


async def test_where_no_document_is_the_answer_is_404_in_json(start_auth):
    """Interop.md F3: not a page of something else."""
    auth = await start_auth(ISSUER="https://auth.example/tenant")
    for path in (*ROOT, "/.well-known/oauth-authorization-server/other", "/tenant/nowhere", "/authorize", "/token"):
        answer = await auth.get(path)
        assert answer.status == 404
        assert answer.headers["Content-Type"].startswith("application/json")
        assert answer.json["error"] == "not_found"


async def test_a_resource_on_the_same_host_makes_one_more_address(start_auth):
    """Interop.md A1: some clients look at the path of the resource."""
    same = [RESOURCES[0] | {"identifier": f"{ISSUER}/mcp"}]
    auth = await start_auth(RESOURCES=json.dumps(same))
    probed = await auth.get("/.well-known/oauth-authorization-server/mcp")
    assert probed.body == (await auth.get(ROOT[0])).body


async def test_every_endpoint_that_is_named_is_there(auth):
    document = (await auth.get(ROOT[0])).json
    for name in ("authorization_endpoint", "jwks_uri"):
        assert (await auth.get(document[name].removeprefix(ISSUER))).status in {200, 400}
    for name in ("token_endpoint", "revocation_endpoint", "introspection_endpoint", "userinfo_endpoint"):
        assert (await auth.request("POST", document[name].removeprefix(ISSUER))).status in {400, 401}
    assert (await auth.request("POST", document["registration_endpoint"].removeprefix(ISSUER))).status == 415


async def test_every_scope_that_is_named_can_be_granted(auth, client):
    """Interop.md A2: clients ask for all of them."""
    scopes = (await auth.get(ROOT[0])).json["scopes_supported"]
    granted = (await auth.tokens(client, scope=" ".join(scopes)))["scope"].split()
    assert set(granted) == set(scopes) - {"files:read"}


async def test_every_claim_that_is_issued_is_named_and_no_other(auth, client):
    """OpenID Connect Discovery section 3: those of the ID token and of UserInfo."""
    tokens = await auth.tokens(client, scope="openid profile email", nonce="n")
    claims = await auth.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    issued = unverified_claims(tokens["id_token"]).keys() | claims.json.keys()
    assert set((await auth.get(ROOT[0])).json["claims_supported"]) == issued


async def test_it_can_be_asked_for_by_head_and_by_nothing_else(auth):
    assert (await auth.request("HEAD", ROOT[0])).status == 200
    for method in ("POST", "PUT", "DELETE"):
        assert (await auth.request(method, ROOT[0])).status == 405


async def test_documents_that_are_switched_off_are_not_offered(start_auth):
    auth = await start_auth(CIMD_ENABLED="false")
    assert (await auth.get(ROOT[0])).json["client_id_metadata_document_supported"] is False
