"""What is named in the configuration and never stated."""

import pytest

from auth_service.federation.provider_list import parse_providers
from auth_service.resources.catalogue import ProtectedResource
from auth_service.resources.unmet_requirements import unmet_requirements

RESOURCE = "https://mcp.example.com/mcp"
SECRET = {"client_id": "c", "client_secret": "s"}
EVERYONE = {"allow": {"everyone": True}}
GOOGLE = {"id": "google", "kind": "oidc", "preset": "google", "display_name": "Google", **SECRET, **EVERYONE}
ACME = {"id": "acme", "kind": "oidc", "issuer": "https://acme.example", "display_name": "Acme", **SECRET, **EVERYONE}
KEYCLOAK = ACME | {"id": "kc", "preset": "keycloak", "issuer": "https://kc.example/realms/main"}
ENTRA = ACME | {
    "id": "entra",
    "preset": "entra",
    "issuer": None,
    "tenant": "9188040d-6c67-4c5b-b112-36a304b66dae",
}
GITHUB = {"id": "github", "kind": "github", "display_name": "GitHub", **SECRET, **EVERYONE}
APP = {
    "id": "app",
    "kind": "external",
    "display_name": "App",
    "page": "https://app.example/sign-in",
    "issuer": "app",
    "jwks_uri": "https://app.example/jwks.json",
    **EVERYONE,
}


def warnings(*entries, claims=(), requires=None, passwords=False):
    scope = {"description": "Read"} | ({} if requires is None else {"requires": requires})
    resource = ProtectedResource(identifier=RESOURCE, name="Notes", scopes={"read": scope}, claims=claims)
    return unmet_requirements([resource], parse_providers(entries), passwords=passwords)


@pytest.mark.parametrize(
    ("entry", "kind", "advice"),
    [
        (GOOGLE, {"groups": ["a"]}, "google: Google has no groups in its tokens; use domains, or another provider"),
        (ACME, {"groups": ["a"]}, "acme: groups_claim does not say which claim has the groups"),
        (ACME, {"organizations": ["a"]}, "acme: only GitHub has them; use groups"),
        (APP, {"teams": ["a/b"]}, "app: only GitHub has them; use groups"),
        (GITHUB, {"teams": ["a/b"]}, "github: it does not read them; set organizations to true"),
        (GITHUB, {"claims": {"plan": ["paid"]}}, "github: GitHub states no further claims"),
        (GOOGLE, {"claims": {"plan": ["paid"]}}, "google: Google does not state it; remove it, or use another"),
        (ENTRA, {"domains": ["a.example"]}, "entra: its addresses count as unverified; see email_verified_claim"),
        (APP, {"emails": ["a@a.example"]}, "app: its addresses count as unverified; set email_verified to true"),
        (ACME | {"scopes": ["openid"]}, {"emails": ["a@a.example"]}, 'acme: scopes lacks "email"'),
        (ACME, {"claims": {"phone_number": ["1"]}}, 'acme: scopes lacks "phone"'),
        (KEYCLOAK, {"claims": {"groups": ["a"]}}, "kc: that claim has the groups; use groups"),
        (ACME, {"claims": {"email": ["a@a.example"]}}, "acme: no rule and no resource can name that claim"),
        (APP, {"claims": {"name": ["Ada"]}}, "app: no rule and no resource can name that claim"),
    ],
    ids=str,
)
def test_a_scope_that_requires_what_no_provider_states_is_named_with_what_to_do(entry, kind, advice):
    (warning,) = warnings(entry, requires=kind)
    assert warning.startswith(f"{RESOURCE}: read requires ")
    assert advice in warning


def test_one_provider_that_can_state_it_is_enough():
    assert warnings(GOOGLE, KEYCLOAK, requires={"groups": ["a"]}) == []
    assert warnings(GOOGLE, GITHUB | {"organizations": True}, requires={"organizations": ["a"]}) == []
    assert warnings(GOOGLE, requires={"domains": ["a.example"]}) == []
    assert warnings(APP, requires={"claims": {"plan": ["paid"]}}) == []


def test_a_requirement_without_any_provider_is_one_that_no_user_meets():
    assert warnings(requires={"everyone": True}, passwords=True) == [
        f"{RESOURCE}: read requires an identity, and no identity provider is configured: no user can have the scope."
    ]


def test_a_claim_that_no_provider_states_is_named_with_each_reason():
    (warning,) = warnings(GOOGLE, GITHUB, claims=("name", "preferred_username", "email", "domain", "plan"))
    assert warning == (
        f"{RESOURCE}: claims names 'plan', which no identity provider states (google: Google does not state it; remove "
        "it, or use another provider; github: GitHub states no further claims)."
    )
    assert "domain" in warnings(GITHUB, claims=("domain",))[0]
    assert "organizations" in warnings(KEYCLOAK, claims=("organizations", "groups"))[0]


def test_an_address_is_told_of_accounts_with_a_password_too():
    entry = ACME | {"scopes": ["openid"]}
    assert "'email'" in warnings(entry, claims=("email",))[0]
    assert warnings(entry, claims=("email",), passwords=True) == []
    assert warnings(claims=("name",)) == []
    assert warnings(claims=("plan",)) == [f"{RESOURCE}: claims names 'plan', which no identity provider states."]


def test_a_rule_of_an_entry_that_its_own_provider_cannot_meet_is_named_with_the_entry():
    entry = GOOGLE | {"allow": {"claims": {"plan": ["paid"]}}, "deny": {"claims": {"hd": ["old.example"]}}}
    (warning,) = warnings(entry, KEYCLOAK)
    assert warning.startswith("google: allow names the claim 'plan', which never matches: Google does not state it;")
    assert warnings(APP | {"deny": {"organizations": ["a"]}})[0].startswith("app: deny names organizations, which")


def test_facts_that_a_rule_of_the_entry_reads_from_github_can_be_required():
    entry = GITHUB | {"allow": {"organizations": ["acme"]}}
    assert warnings(entry, requires={"teams": ["acme/ops"]}) == []
