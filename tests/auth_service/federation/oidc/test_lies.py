"""ID tokens and responses that are not what they should be: none signs anybody in.

Each lie has its control: with exactly one check taken out, the same lie is accepted. Lies that several checks refuse
stand in a list of their own, as no single check can be shown to matter.
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
from tests.support.lying_provider import CLIENT_ID, ISSUER, MISSING, NOW, LyingProvider, public, signing_key

MICROSOFT = "https://login.microsoftonline.com"
TENANT, OTHER_TENANT = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
SEVERAL = {"preset": "entra", "tenant": "organizations", "tenants": [TENANT]}


@dataclass(frozen=True)
class Lie:
    """A change of what the provider says, and the error id of the check that must find it."""

    name: str
    tell: Callable[[LyingProvider], object]
    error_id: str
    entry: dict[str, Any] = field(default_factory=dict)
    pending: dict[str, Any] = field(default_factory=dict)


def claims(name, error_id, *, pending=None, **changes):
    return Lie(name, lambda model: model.claims.update(changes), f"id_token_{error_id}", pending=pending or {})


def header(name, error_id, **changes):
    return Lie(name, lambda model: model.header.update(changes), f"id_token_{error_id}")


def entra(name, error_id, *, tid, tenant=None, **changes):
    def tell(model):
        model.issuer = f"{MICROSOFT}/{{tenantid}}/v2.0"
        model.claims.update({"iss": f"{MICROSOFT}/{tenant or tid}/v2.0", "tid": tid, "oid": "object-1"})
        model.published = [public(model.key) | changes]

    return Lie(name, tell, f"id_token_{error_id}", entry=SEVERAL)


def response(name, error_id, *, pending=None, announced=False, **changes):
    def tell(model):
        model.response.update(changes)
        model.metadata["authorization_response_iss_parameter_supported"] = announced

    return Lie(name, tell, f"sign_in_response_{error_id}", pending=pending or {})


RECENT = {"max_age": 300}
OF_CLAIMS = [
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
OF_HEADERS = [
    header("typ of an access token", "type", typ="at+jwt"),
    header("typ of a logout token", "type", typ="logout+jwt"),
    header("typ null", "type", typ=None),
    header("key in the header", "header", jwk=public(signing_key("evil"))),
    header("address of keys in the header", "header", jku="https://evil.example/jwks"),
    header("address of a certificate in the header", "header", x5u="https://evil.example/cert"),
    header("crit", "header", crit=["exp"]),
    header("payload not encoded", "header", b64=True),
]
OF_RESPONSES = [
    response("mix-up: iss of another provider", "issuer", iss="https://evil.example"),
    response("iss empty", "issuer", iss=""),
    response("iss missing though announced", "issuer_present", announced=True),
    response("begun at another provider", "request", pending={"provider": "another"}),
    response("begun at another issuer", "request", pending={"issuer": "https://former.example"}),
]


def of_another_key(model):
    model.sign = lambda head, body: sign_bytes(head, body, signing_key("evil"))


SIGNATURES = [
    (Lie("another key under the kid", of_another_key, "id_token_signature"), (id_token, "signature_problem", None)),
    (header("kid unknown", "key", kid="another"), (ProviderKey, "may_verify", True)),
    (header("alg of another kind of key", "key", alg="ES256"), (ProviderKey, "may_verify", True)),
]


async def refused(sign_in, lie):
    lie.tell(sign_in.model)
    with pytest.raises((SignInRefused, ProviderUnavailable)) as caught:
        await sign_in(pending=lie.pending, **lie.entry)
    assert caught.value.error_id == lie.error_id


@pytest.mark.invariant(13)
@pytest.mark.parametrize(
    ("table", "lie"),
    [
        pytest.param(table, lie, id=lie.name)
        for table, lies in ((CLAIMS_CHECKS, OF_CLAIMS), (HEADER_CHECKS, OF_HEADERS), (RESPONSE_CHECKS, OF_RESPONSES))
        for lie in lies
    ],
)
async def test_a_lie_is_found_by_one_check_and_without_it_by_none(monkeypatch, sign_in, table, lie):
    await refused(sign_in, lie)
    name = lie.error_id.removeprefix("id_token_").removeprefix("sign_in_response_")
    monkeypatch.setitem(table, name, lambda *_: None)
    assert await sign_in(pending=lie.pending, **lie.entry)


@pytest.mark.invariant(13)
@pytest.mark.parametrize(("lie", "control"), SIGNATURES, ids=[lie.name for lie, _ in SIGNATURES])
async def test_a_key_signs_for_itself_only(monkeypatch, sign_in, lie, control):
    await refused(sign_in, lie)
    owner, name, answer = control
    monkeypatch.setattr(owner, name, lambda *_, **__: answer)
    assert await sign_in()


@pytest.mark.parametrize("lie", OF_RESPONSES, ids=lambda lie: lie.name)
async def test_a_response_of_another_provider_sends_no_code_on(sign_in, lie):
    await refused(sign_in, lie)
    assert sign_in.model.asked("token") == 0


async def test_the_honest_provider_signs_in(sign_in):
    """The control of all lies: what they change is all that is wrong."""
    assert (await sign_in()).subject == "user-1"
