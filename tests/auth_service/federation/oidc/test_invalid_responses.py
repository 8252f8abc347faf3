"""Invalid ID tokens and authorization responses: none signs a user in.

Each case has its control: with exactly one check taken out, the same response is accepted. Cases that several checks
refuse are in test_invalid_documents.py, as no single check can be shown to matter.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from auth_service.federation.oidc import id_token
from auth_service.federation.oidc.authorization import RESPONSE_CHECKS
from auth_service.federation.oidc.id_token import CLAIMS_CHECKS, HEADER_CHECKS
from auth_service.federation.provider import ProviderUnavailable, SignInRefused
from auth_service.federation.provider_keys import ProviderKey
from tests.support.local_issuer import b64, sign_bytes
from tests.support.oidc_model import CLIENT_ID, ISSUER, MISSING, NOW, OidcModel, public, signing_key

MICROSOFT = "https://login.microsoftonline.com"
TENANT, OTHER_TENANT = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
SEVERAL = {"preset": "entra", "tenant": "organizations", "tenants": [TENANT]}


@dataclass(frozen=True)
class Case:
    """A change to the responses of the provider, and the error id of the check that must refuse it."""

    name: str
    apply: Callable[[OidcModel], object]
    error_id: str
    entry: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)


def claims(name, error_id, *, pending=None, **changes):
    return Case(name, lambda model: model.claims.update(changes), f"id_token_{error_id}", pending=pending or {})


def header(name, error_id, **changes):
    return Case(name, lambda model: model.header.update(changes), f"id_token_{error_id}")


def entra(name, error_id, *, tid, tenant=None, **changes):
    def apply(model):
        model.issuer = f"{MICROSOFT}/{{tenantid}}/v2.0"
        model.claims.update({"iss": f"{MICROSOFT}/{tenant or tid}/v2.0", "tid": tid, "oid": "object-1"})
        model.published = [public(model.key) | changes]

    return Case(name, apply, f"id_token_{error_id}", entry=SEVERAL)


def response(name, error_id, *, pending=None, announced=False, **changes):
    def apply(model):
        model.response.update(changes)
        model.metadata["authorization_response_iss_parameter_supported"] = announced

    return Case(name, apply, f"sign_in_response_{error_id}", pending=pending or {})


RECENT = {"max_age": 300}
INVALID_CLAIMS = [
    claims("nonce other", "nonce", nonce="another"),
    claims("nonce missing", "nonce", nonce=MISSING),
    claims("nonce null", "nonce", nonce=None),
    claims("nonce list", "nonce", nonce=["nonce-of-this-sign-in"]),
    claims("at_hash other", "access_token_hash", at_hash=b64(b"x" * 16)),
    claims("at_hash empty", "access_token_hash", at_hash=""),
    claims("at_hash number", "access_token_hash", at_hash=1),
    claims("at_hash not ascii", "access_token_hash", at_hash="ü"),
    claims("aud with others, azp ours", "audience", aud=[CLIENT_ID, "another"], azp=CLIENT_ID),
    claims("aud other, azp ours", "audience", aud="another", azp=CLIENT_ID),
    claims("aud list of others, azp ours", "audience", aud=["another", "third"], azp=CLIENT_ID),
    claims("aud twice", "audience", aud=[CLIENT_ID, CLIENT_ID], azp=CLIENT_ID),
    claims("aud missing", "audience", aud=MISSING),
    claims("azp other", "authorized_party", azp="another"),
    claims("azp empty", "authorized_party", azp=""),
    claims("iss other", "issuer", iss="https://evil.example"),
    claims("iss with a slash", "issuer", iss=f"{ISSUER}/"),
    claims("iss missing", "issuer", iss=MISSING),
    claims("iss list", "issuer", iss=[ISSUER]),
    claims("expired", "expiry", exp=NOW - 61),
    claims("exp missing", "expiry", exp=MISSING),
    claims("exp text", "expiry", exp=str(NOW + 300)),
    claims("exp true", "expiry", exp=True),
    claims("iat future", "issued_at", iat=NOW + 61),
    claims("iat old", "issued_at", iat=NOW - 661),
    claims("iat missing", "issued_at", iat=MISSING),
    claims("iat text", "issued_at", iat=str(NOW)),
    claims("nbf future", "not_before", nbf=NOW + 61),
    claims("nbf null", "not_before", nbf=None),
    claims("auth_time missing", "authentication_time", auth_time=MISSING, pending=RECENT),
    claims("auth_time null", "authentication_time", auth_time=None, pending=RECENT),
    claims("auth_time old", "authentication_time", auth_time=NOW - 361, pending=RECENT),
    claims("auth_time before max_age 0", "authentication_time", auth_time=NOW - 61, pending={"max_age": 0}),
    claims("auth_time negative", "authentication_time", auth_time=-1),
    claims("auth_time true", "authentication_time", auth_time=True),
    claims("auth_time beyond 2^53", "authentication_time", auth_time=2**53 + 1),
    claims("auth_time far below zero", "authentication_time", auth_time=-1e300),
    claims("auth_time future", "authentication_time", auth_time=NOW + 61),
    entra("tid of another tenant", "tenant_allowed", tid=OTHER_TENANT),
    entra("iss of another tenant than tid", "issuer", tid=TENANT, tenant=OTHER_TENANT),
    entra("key of another issuer", "key_issuer", tid=TENANT, issuer=f"{MICROSOFT}/{OTHER_TENANT}/v2.0"),
]
INVALID_HEADERS = [
    header("typ of an access token", "type", typ="at+jwt"),
    header("typ of a logout token", "type", typ="logout+jwt"),
    header("typ null", "type", typ=None),
    header("key in the header", "header", jwk=public(signing_key("evil"))),
    header("address of keys in the header", "header", jku="https://evil.example/jwks"),
    header("address of a certificate in the header", "header", x5u="https://evil.example/cert"),
    header("crit", "header", crit=["exp"]),
    header("payload not encoded", "header", b64=True),
]
INVALID_RESPONSES = [
    response("mix-up: iss of another provider", "issuer", iss="https://evil.example"),
    response("iss empty", "issuer", iss=""),
    response("iss missing though announced", "issuer_present", announced=True),
    response("begun at another provider", "request", pending={"provider": "another"}),
    response("begun at another issuer", "request", pending={"issuer": "https://former.example"}),
]


def of_another_key(model):
    model.sign = lambda head, body: sign_bytes(head, body, signing_key("evil"))


INVALID_SIGNATURES = [
    (Case("another key under the kid", of_another_key, "id_token_signature"), (id_token, "signature_problem", None)),
    (header("kid unknown", "key", kid="another"), (ProviderKey, "may_verify", True)),
    (header("alg of another kind of key", "key", alg="ES256"), (ProviderKey, "may_verify", True)),
]


async def refused(sign_in, case):
    case.apply(sign_in.model)
    with pytest.raises((SignInRefused, ProviderUnavailable)) as caught:
        await sign_in(pending=case.pending, **case.entry)
    assert caught.value.error_id == case.error_id


@pytest.mark.invariant(13)
@pytest.mark.parametrize(
    ("table", "case"),
    [
        pytest.param(table, case, id=case.name)
        for table, cases in (
            (CLAIMS_CHECKS, INVALID_CLAIMS),
            (HEADER_CHECKS, INVALID_HEADERS),
            (RESPONSE_CHECKS, INVALID_RESPONSES),
        )
        for case in cases
    ],
)
async def test_an_invalid_response_is_refused_by_one_check_only(monkeypatch, sign_in, table, case):
    await refused(sign_in, case)
    name = case.error_id.removeprefix("id_token_").removeprefix("sign_in_response_")
    monkeypatch.setitem(table, name, lambda *_: None)
    assert await sign_in(pending=case.pending, **case.entry)


@pytest.mark.invariant(13)
@pytest.mark.parametrize(("case", "control"), INVALID_SIGNATURES, ids=[case.name for case, _ in INVALID_SIGNATURES])
async def test_a_signature_is_verified_with_the_key_of_the_header_only(monkeypatch, sign_in, case, control):
    await refused(sign_in, case)
    owner, name, answer = control
    monkeypatch.setattr(owner, name, lambda *_, **__: answer)
    assert await sign_in()


@pytest.mark.parametrize("case", INVALID_RESPONSES, ids=lambda case: case.name)
async def test_a_response_of_another_provider_sends_no_code_on(sign_in, case):
    await refused(sign_in, case)
    assert sign_in.model.asked("token") == 0


async def test_a_valid_response_signs_in(sign_in):
    """The control of all cases: what they change is all that is invalid."""
    assert (await sign_in()).subject == "user-1"
