"""The modules of the OpenID conformance suite's basic profile, by name: one test each, and what differs on purpose.

The suite itself needs Java and a database. These tests send what its plan `oidcc-basic-certification-test-plan` sends
and expect what it expects, with two differences that hold for all of them: PKCE is required (divergences.md D32), and
the user decides about every authorization, so that `prompt=none` never succeeds (D26). The client is one that the
operator added, as in the suite's variant `static_client`: it gets errors by redirect (D12).
"""

import base64
import hashlib
import json
import time
from functools import partial

import pytest
import pytest_asyncio

import auth_service.wiring
from auth_service.app import build_app
from auth_service.clients.authenticator import hash_secret
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.users.passwords import PasswordHasher
from shared.jose.jws import parse_compact_jws
from shared.jose.keys import import_verification_key
from shared.redis.single import SingleRedisClient
from tests.support.auth_server import CHEAP, HOSTED, ISSUER, PASSWORD, USERNAME, AuthServer, Client, settings
from tests.support.oauth import redirect_parameters, unverified_claims, unverified_header

PLAN = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-ensure-other-scope-order-succeeds",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)
"""In the order of the plan. A newer plan has `oidcc-alternate-happy-flow`, which reorders the parameters too."""

SECRET = "the-secret-of-the-suite"
shared = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def op(embedded_store):
    """One server for the whole plan, with one user."""
    store = SingleRedisClient(f"{embedded_store.url}?db=0")
    await store.command("FLUSHDB")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(auth_service.wiring, "PasswordHasher", partial(PasswordHasher, parameters=CHEAP))
        server = AuthServer(build_app, store, settings(SIGNING_ALGORITHM="RS256"), time.time)
    async with server:
        await server.users.add(USERNAME, PASSWORD, name="Ada Lovelace", email="ada@example.org", email_verified=True)
        yield server
    await store.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rp(op):
    """The client of the suite."""
    record = StoredClient(
        client_id="suite",
        kind=ClientKind.PRE_REGISTERED,
        metadata=ClientMetadata((HOSTED,), ("authorization_code", "refresh_token"), "client_secret_basic"),
        created_at=0,
        expires_at=None,
        secret_hash=hash_secret(SECRET),
    )
    await ClientRepository(op.store).add(record, now=0)
    return Client("suite", HOSTED, SECRET, "client_secret_basic")


@pytest_asyncio.fixture(loop_scope="module")
async def user(op):
    """A browser without a signed-in user."""
    return op.user_agent()


async def authorize(op, rp, user, **changes):
    """The user signs in where asked to, and approves; the checked tokens."""
    wanted = {"scope": "openid", "nonce": "the-nonce", "resource": None} | changes
    code = await op.code(rp, user, **wanted)
    assert code.parameters.keys() == {"code", "state", "iss"}
    assert code.parameters["state"] == "the-state"
    answer = await op.redeem(code)
    assert answer.status == 200, answer.text
    assert answer.headers["Cache-Control"] == "no-store"
    tokens = answer.json
    assert tokens["token_type"] == "Bearer"
    await check_id_token(op, rp, tokens, nonce=wanted["nonce"])
    return tokens


async def check_id_token(op, rp, tokens, *, nonce):
    """OpenID Connect Core sections 2, 3.1.3.6 and 3.1.3.7."""
    header, claims = unverified_header(tokens["id_token"]), unverified_claims(tokens["id_token"])
    assert (claims["iss"], claims["aud"], "azp" in claims) == (ISSUER, rp.client_id, False)
    assert claims["iat"] <= op.clock() < claims["exp"]
    assert 0 < len(claims["sub"]) <= 255
    assert claims["sub"].isascii()
    assert claims.get("nonce") == nonce
    assert claims["auth_time"] <= claims["iat"]
    digest = hashlib.sha256(tokens["access_token"].encode()).digest()
    assert claims["at_hash"] == base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode()
    keys = {key["kid"]: key for key in (await op.get("/.well-known/jwks.json")).json["keys"]}
    jws = parse_compact_jws(tokens["id_token"])
    assert header["alg"] == keys[header["kid"]]["alg"] == "RS256"
    assert import_verification_key(keys[header["kid"]]).verify(jws.signing_input, jws.signature)


async def userinfo(op, tokens, **expected):
    answer = await op.get("/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    check_userinfo(answer, tokens, **expected)


def check_userinfo(answer, tokens, **expected):
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json == {"sub": unverified_claims(tokens["id_token"])["sub"]} | expected


async def error(op, rp, user, **changes):
    """The error that the client gets by redirect."""
    answer = await user.get(op.authorize_url(rp, scope="openid", **changes))
    assert answer.headers["Location"].startswith(f"{rp.redirect_uri}?")
    got = redirect_parameters(answer.headers["Location"])
    assert (got["state"], got["iss"]) == ("the-state", ISSUER)
    return got["error"]


async def metadata(op):
    return (await op.get("/.well-known/openid-configuration")).json


PROFILE = {"name": "Ada Lovelace", "preferred_username": USERNAME}
EMAIL = {"email": "ada@example.org", "email_verified": True}


def test_each_module_of_the_plan_has_a_test():
    tests = [name for name in globals() if name.startswith("test_oidcc_")]
    names = [f"test_{module.replace('-', '_')}" for module in PLAN]
    assert [module for module in names if not any(test.startswith(module) for test in tests)] == []


@shared
async def test_oidcc_server(op, rp, user):
    """The happy flow with client_secret_basic."""
    tokens = await authorize(op, rp, user)
    await userinfo(op, tokens)


@shared
async def test_oidcc_response_type_missing(op, rp, user):
    assert await error(op, rp, user, response_type=None) == "invalid_request"


@shared
async def test_oidcc_idtoken_signature(op, rp, user):
    """A `kid` is needed where the JWKS has several keys: here always, since the next key is published beforehand."""
    tokens = await authorize(op, rp, user)
    keys = (await op.get("/.well-known/jwks.json")).json["keys"]
    assert len(keys) > 1
    assert unverified_header(tokens["id_token"])["kid"] in {key["kid"] for key in keys}


@shared
async def test_oidcc_idtoken_unsigned_is_skipped_because_none_is_not_offered(op):
    assert (await metadata(op))["id_token_signing_alg_values_supported"] == ["RS256"]


@shared
async def test_oidcc_userinfo_get(op, rp, user):
    await userinfo(op, await authorize(op, rp, user))


@shared
async def test_oidcc_userinfo_post_header(op, rp, user):
    tokens = await authorize(op, rp, user)
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    check_userinfo(await op.request("POST", "/userinfo", headers=headers), tokens)


@shared
async def test_oidcc_userinfo_post_body(op, rp, user):
    tokens = await authorize(op, rp, user)
    check_userinfo(await op.post("/userinfo", {"access_token": tokens["access_token"]}), tokens)


@shared
async def test_oidcc_ensure_request_without_nonce_succeeds_for_code_flow(op, rp, user):
    await authorize(op, rp, user, nonce=None)


@shared
async def test_oidcc_scope_profile(op, rp, user):
    await userinfo(op, await authorize(op, rp, user, scope="openid profile"), **PROFILE)


@shared
async def test_oidcc_scope_email(op, rp, user):
    await userinfo(op, await authorize(op, rp, user, scope="openid email"), **EMAIL)


async def check_scope_is_not_offered(op, rp, user, scope):
    assert scope not in (await metadata(op))["scopes_supported"]
    tokens = await authorize(op, rp, user, scope=f"openid {scope}")
    assert scope not in tokens["scope"].split()
    await userinfo(op, tokens)


@shared
async def test_oidcc_scope_address_is_skipped_because_it_is_not_offered(op, rp, user):
    await check_scope_is_not_offered(op, rp, user, "address")


@shared
async def test_oidcc_scope_phone_is_skipped_because_it_is_not_offered(op, rp, user):
    await check_scope_is_not_offered(op, rp, user, "phone")


@shared
async def test_oidcc_scope_all(op, rp, user):
    """The suite skips it without `address` and `phone`; the others are granted together."""
    tokens = await authorize(op, rp, user, scope="openid profile email address phone")
    await userinfo(op, tokens, **PROFILE, **EMAIL)


@shared
async def test_oidcc_ensure_other_scope_order_succeeds(op, rp, user):
    await userinfo(op, await authorize(op, rp, user, scope="email openid"), **EMAIL)


@shared
async def test_oidcc_display_page(op, rp, user):
    await authorize(op, rp, user, display="page")


@shared
async def test_oidcc_display_popup(op, rp, user):
    await authorize(op, rp, user, display="popup")


@shared
async def test_oidcc_prompt_login(op, rp, user):
    first = await authorize(op, rp, user)
    op.clock.ahead += 2
    page = await user.arrive(op.authorize_url(rp, scope="openid", prompt="login"))
    assert "password" in page.forms[0].inputs
    second = await authorize(op, rp, user, prompt="login")
    times = [unverified_claims(tokens["id_token"])["auth_time"] for tokens in (first, second)]
    assert times[1] > times[0]


@shared
async def test_oidcc_prompt_none_not_logged_in(op, rp, user):
    assert await error(op, rp, user, prompt="none") == "login_required"


@shared
async def test_oidcc_prompt_none_logged_in_is_told_that_consent_is_required(op, rp, user):
    """The suite expects a code. Here the user decides about every authorization (divergences.md D26)."""
    await authorize(op, rp, user)
    assert await error(op, rp, user, prompt="none") == "consent_required"


@shared
async def test_oidcc_max_age_1(op, rp, user):
    first = await authorize(op, rp, user)
    op.clock.ahead += 2
    page = await user.arrive(op.authorize_url(rp, scope="openid", max_age="1"))
    assert "password" in page.forms[0].inputs
    second = await authorize(op, rp, user, max_age="1")
    times = [unverified_claims(tokens["id_token"])["auth_time"] for tokens in (first, second)]
    assert times[1] > times[0]
    assert times[1] > op.clock() - 2


@shared
async def test_oidcc_max_age_10000(op, rp, user):
    """The second request shows no sign-in page, and both ID tokens are of one sign-in."""
    first = await authorize(op, rp, user)
    page = await user.arrive(op.authorize_url(rp, scope="openid", max_age="10000"))
    assert ("decision", "approve") in page.forms[0].buttons
    second = await authorize(op, rp, user, max_age="10000")
    claims = [unverified_claims(tokens["id_token"]) for tokens in (first, second)]
    assert claims[0]["sub"] == claims[1]["sub"]
    assert claims[0]["auth_time"] == claims[1]["auth_time"]


@shared
async def test_oidcc_ensure_request_with_unknown_parameter_succeeds(op, rp, user):
    await authorize(op, rp, user, extra="foobar")


@shared
async def test_oidcc_id_token_hint_is_accepted_and_consent_is_asked(op, rp, user):
    """The suite sends it with prompt=none and expects a code; without prompt=none there is one (D26)."""
    first = await authorize(op, rp, user)
    hint = first["id_token"]
    assert await error(op, rp, user, prompt="none", id_token_hint=hint) == "consent_required"
    assert await error(op, rp, op.user_agent(), prompt="none", id_token_hint=hint) == "login_required"
    page = await user.arrive(op.authorize_url(rp, scope="openid", id_token_hint=hint))
    assert ("decision", "approve") in page.forms[0].buttons
    second = await authorize(op, rp, user, id_token_hint=hint)
    assert unverified_claims(second["id_token"])["sub"] == unverified_claims(hint)["sub"]


@shared
async def test_oidcc_login_hint(op, rp, user):
    page = await user.arrive(op.authorize_url(rp, scope="openid", login_hint=USERNAME))
    assert page.forms[0].inputs["username"] == USERNAME
    await authorize(op, rp, user, login_hint=USERNAME)


@shared
async def test_oidcc_ui_locales(op, rp, user):
    await authorize(op, rp, user, ui_locales="se")


@shared
async def test_oidcc_claims_locales(op, rp, user):
    await authorize(op, rp, user, claims_locales="se")


@shared
async def test_oidcc_ensure_request_with_acr_values_succeeds(op, rp, user):
    """A warning in the suite: the ID token has no `acr`."""
    assert "acr_values_supported" not in await metadata(op)
    tokens = await authorize(op, rp, user, acr_values="1 2")
    assert "acr" not in unverified_claims(tokens["id_token"])


@shared
async def test_oidcc_codereuse(op, rp, user):
    code = await op.code(rp, user, scope="openid")
    assert (await op.redeem(code)).status == 200
    again = await op.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")


@shared
async def test_oidcc_codereuse_30seconds_ends_the_access_too(op, rp, user):
    """The times of a grant are those of Redis: 30 seconds are taken from its record. Shorter than 10 see D13."""
    code = await op.code(rp, user, scope="openid")
    tokens = (await op.redeem(code)).json
    await op.age_grant(code.value.partition(".")[0], 30)
    again = await op.redeem(code)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    assert (await op.get("/userinfo", headers=headers)).status == 401


@shared
async def test_oidcc_ensure_registered_redirect_uri(op, rp, user):
    answer = await user.get(op.authorize_url(rp, scope="openid", redirect_uri=f"{HOSTED}/unregistered"))
    assert (answer.status, answer.refresh, "Location" in answer.headers) == (400, None, False)
    assert answer.headers["Content-Type"].startswith("text/html")


@shared
async def test_oidcc_ensure_post_request_succeeds(op, rp, user):
    url, verifier = op.authorization(rp, scope="openid")
    path, _, query = url.partition("?")
    posted = await user.post(path, redirect_parameters(f"?{query}"))
    assert posted.status == 303
    page = await user.follow(await user.sign_in(await user.follow(posted)))
    parameters = await user.decide(page)
    form = {"grant_type": "authorization_code", "code": parameters["code"], "code_verifier": verifier}
    assert (await op.token(rp, form)).status == 200


@shared
async def test_oidcc_server_client_secret_post(op, rp, user):
    await authorize(op, Client(rp.client_id, rp.redirect_uri, SECRET, "client_secret_post"), user)


def unsigned(payload):
    """A request object with `alg` none."""
    parts = [json.dumps(part).encode() for part in ({"alg": "none"}, payload)]
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), ""])


@shared
async def test_oidcc_request_uri_unsigned_supported_correctly_or_rejected_as_unsupported(op, rp, user):
    assert (await metadata(op))["request_uri_parameter_supported"] is False
    assert await error(op, rp, user, request_uri="https://suite.example/r#1") == "request_uri_not_supported"


@shared
async def test_oidcc_unsigned_request_object_supported_correctly_or_rejected_as_unsupported(op, rp, user):
    assert (await metadata(op))["request_parameter_supported"] is False
    assert await error(op, rp, user, request=unsigned({"scope": "openid"})) == "request_not_supported"


@shared
async def test_oidcc_claims_essential(op, rp, user):
    """A warning in the suite: the parameter is not supported, and `name` needs the scope `profile`."""
    assert (await metadata(op))["claims_parameter_supported"] is False
    tokens = await authorize(op, rp, user, claims='{"userinfo":{"name":{"essential":true}}}')
    await userinfo(op, tokens)


@shared
async def test_oidcc_ensure_request_object_with_redirect_uri_is_skipped_because_request_is_not_supported(op, rp, user):
    inside = unsigned({"redirect_uri": HOSTED})
    assert await error(op, rp, user, request=inside) == "request_not_supported"


@shared
async def test_oidcc_refresh_token(op, rp, user):
    tokens = await authorize(op, rp, user, scope="openid offline_access")
    answer = await op.refresh(rp, tokens["refresh_token"])
    assert answer.status == 200
    assert answer.json["access_token"] != tokens["access_token"]
    await userinfo(op, tokens | {"access_token": answer.json["access_token"]})
    stolen = await op.refresh(await op.register(HOSTED), answer.json["refresh_token"])
    assert (stolen.status, stolen.json["error"]) == (400, "invalid_grant")


@shared
async def test_oidcc_ensure_request_with_valid_pkce_succeeds(op, rp, user):
    """PKCE is not only accepted but required (divergences.md D32)."""
    await authorize(op, rp, user)
    assert await error(op, rp, user, code_challenge=None) == "invalid_request"
