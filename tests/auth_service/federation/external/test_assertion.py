"""Assertions of the operator's backend: what is accepted, and the invalid ones that are not.

Each invalid assertion has its control: with the check that refuses it left out, it signs the user in. So no other
check hides that the one that is meant does not work.
"""

from typing import Any

import pytest

from auth_service.federation.provider import AuthorizationUrlRequest, SignInRefused
from tests.auth_service.federation.external.operator_backend import (
    APP_ID,
    BACKEND,
    ISSUER,
    KEY,
    NOW,
    ORIGIN,
    PAGE,
    PENDING,
    build,
    hmac_with_public_key,
    pending,
    session_token,
    sign,
    switch_off,
)
from tests.support.local_issuer import b64, new_key

OTHER_KEY = new_key("backend-1", "ES256")
SECOND_KEY = new_key("backend-2", "ES256")
RSA_KEY = new_key("backend-rsa", "RS256")
LONG_KID = new_key("k" * 201, "ES256")


def tampered():
    header, _, signature = sign().split(".")
    return f"{header}.{sign(sub='somebody-else').split('.')[1]}.{signature}"


def unsigned():
    header, payload, _ = sign(header={"alg": "none"}).split(".")
    return f"{header}.{payload}.{b64(b'no signature')}"


def case(name, assertion, *off, keys=(KEY,), pending=PENDING, configured: dict[str, Any] | None = None):
    """`off` are the checks without which it is accepted."""
    return pytest.param(assertion, off, keys, pending, configured or {}, id=name)


INVALID_ASSERTIONS = [
    case("the nonce of another sign-in", lambda: sign(nonce="nonce-of-another-sign-in"), "nonce"),
    case("used a second time, in the next sign-in", sign, "nonce", pending=pending(nonce="the-next-nonce")),
    case("no nonce", lambda: sign(without=("nonce",)), "nonce"),
    case("a list that holds the nonce", lambda: sign(nonce=[PENDING.nonce]), "nonce"),
    case("the state as nonce", lambda: sign(nonce=PENDING.state), "nonce"),
    case("another issuer with the same keys", lambda: sign(iss="https://other.example"), "issuer"),
    case("the issuer with a slash", lambda: sign(iss=f"{BACKEND}/"), "issuer"),
    case("the issuer in capitals", lambda: sign(iss=BACKEND.upper()), "issuer"),
    case("no issuer", lambda: sign(without=("iss",)), "issuer"),
    case("for another server", lambda: sign(aud="https://other.example"), "audience"),
    case("for another server too", lambda: sign(aud=[ISSUER, "https://other.example"]), "audience"),
    case("for this server with a slash", lambda: sign(aud=f"{ISSUER}/"), "audience"),
    case("for the resource instead of the issuer", lambda: sign(aud=f"{ISSUER}/mcp"), "audience"),
    case("for nobody", lambda: sign(without=("aud",)), "audience"),
    case("for an empty list", lambda: sign(aud=[]), "audience"),
    case("61 seconds old", lambda: sign(iat=NOW - 61), "issued_at"),
    case("6 seconds in the future", lambda: sign(iat=NOW + 6), "issued_at"),
    case("without a time", lambda: sign(without=("iat",)), "issued_at"),
    case("with the time as a text", lambda: sign(iat=str(NOW)), "issued_at"),
    case("with the time in milliseconds", lambda: sign(iat=NOW * 1000), "issued_at"),
    case("with true as time", lambda: sign(iat=True), "issued_at"),
    case("expired", lambda: sign(exp=NOW - 6), "not_expired"),
    case("with an expiry that is a text", lambda: sign(exp="never"), "not_expired"),
    case("not valid yet", lambda: sign(nbf=NOW + 6), "not_before"),
    case("an empty subject", lambda: sign(sub=""), "subject"),
    case("a number as subject", lambda: sign(sub=7), "subject"),
    case("a subject of 256 characters", lambda: sign(sub="u" * 256), "subject"),
    case("a subject with a line break", lambda: sign(sub="user-1\nadmin"), "subject"),
    case("a session token of the same keys", lambda: sign(header={"typ": "JWT"}), "type"),
    case("an access token of the same keys", lambda: sign(header={"typ": "at+jwt"}), "type"),
    case("without a type", lambda: sign(header={"typ": None}), "type"),
    case("unsigned", unsigned, "algorithm", "key", "signature"),
    case("HS256 with the public key as secret", hmac_with_public_key, "algorithm", "key", "signature"),
    case(
        "an algorithm that is not configured, by a key of the set",
        lambda: sign(key=RSA_KEY),
        "algorithm",
        keys=(KEY, RSA_KEY),
        configured={"algorithms": ["ES256"]},
    ),
    case(
        "the algorithm of another key of the set",
        lambda: sign(header={"alg": "RS256"}),
        "key",
        keys=(KEY, RSA_KEY),
    ),
    case("another key under the same kid", lambda: sign(key=OTHER_KEY), "signature"),
    case("claims changed after signing", tampered, "signature"),
    case(
        "its own key in the header",
        lambda: sign(key=OTHER_KEY, header={"jwk": OTHER_KEY.as_dict(private=False)}),
        "extensions",
        "signature",
    ),
    case("an address of keys in the header", lambda: sign(header={"jku": "https://evil.example/jwks"}), "extensions"),
    case("a certificate in the header", lambda: sign(header={"x5u": "https://evil.example/cert"}), "extensions"),
    case("an extension that must be understood", lambda: sign(header={"crit": ["b64"], "b64": True}), "extensions"),
    case("a kid of 201 characters", lambda: sign(key=LONG_KID), "kid", keys=(LONG_KID,)),
    case("an unknown kid", lambda: sign(header={"kid": "backend-9"}), "key"),
    case("no kid, where two keys fit", lambda: sign(header={"kid": None}), "key", keys=(KEY, SECOND_KEY)),
    case("of a sign-in that was begun at another provider", sign, "pending", pending=pending(provider="other")),
    case(
        "of a sign-in that was begun when the issuer was another",
        sign,
        "pending",
        pending=pending(issuer="https://former.example"),
    ),
    case("no auth_time, where max_age asks", sign, "authentication", pending=pending(max_age=300)),
    case(
        "an auth_time before max_age",
        lambda: sign(auth_time=int(PENDING.started_at) - 306),
        "authentication",
        pending=pending(max_age=300),
    ),
    case("an auth_time in the future", lambda: sign(auth_time=NOW + 60), "authentication"),
]


@pytest.mark.parametrize(("assertion", "off", "keys", "begun", "configured"), INVALID_ASSERTIONS)
@pytest.mark.invariant(13)
async def test_an_invalid_assertion_signs_no_user_in(assertion, off, keys, begun, configured):
    with pytest.raises(SignInRefused) as refusal:
        await build(*keys, **configured).identify(begun, {"assertion": assertion(), "state": PENDING.state})
    assert refusal.value.error_id.startswith("external_")
    assert refusal.value.public == SignInRefused.public
    assert PENDING.nonce not in refusal.value.reason


@pytest.mark.parametrize(("assertion", "off", "keys", "begun", "configured"), INVALID_ASSERTIONS)
async def test_the_check_that_is_meant_is_the_one_that_refuses_it(monkeypatch, assertion, off, keys, begun, configured):
    switch_off(monkeypatch, *off)
    identity = await build(*keys, **configured).identify(begun, {"assertion": assertion(), "state": PENDING.state})
    assert (identity.provider, identity.issuer) == ("app", BACKEND)


@pytest.mark.parametrize(
    "assertion",
    [
        *("", "a.b", "a.b.c", "a.b.c.d", "....", "\udcff.b.c", "x" * 9000),
        f"{b64(b'[]')}.{b64(b'{}')}.{b64(b'x')}",
        f"{b64(b'{}')}.{b64(b'{}')}.{b64(b'x')}",
        ".".join([b64(b'{"alg":{"a":1},"typ":[]}'), b64(b"{}"), b64(b"x")]),
        f"{sign().rpartition('.')[0]}.",
        f"{sign()}==",
        sign(sub="x", exp=float("nan")),
        sign(iat=float("inf")),
        sign(auth_time=-1),
        sign(auth_time=2**53 + 1),
        sign(exp=2**53 + 1),
        sign(nbf=-1e300),
        sign(without=("sub",)),
        sign(sub=["user-1"]),
        sign(email=["user@example.com"]),
        sign(groups="admins"),
        sign(groups=["admins", 7]),
        sign(name="n" * 301),
        sign(**{f"claim-{number}": 1 for number in range(51)}),
    ],
)
async def test_a_malformed_assertion_is_refused_and_is_no_fault_of_the_service(assertion):
    with pytest.raises(SignInRefused):
        await build().identify(PENDING, {"assertion": assertion})


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"state": PENDING.state},
        {"session_token": sign()},
        {"session_token": session_token(), "origin": ORIGIN},
        {"id_token": sign()},
        {"code": sign()},
    ],
)
async def test_only_an_assertion_counts(parameters):
    with pytest.raises(SignInRefused) as refusal:
        await build().identify(PENDING, parameters)
    assert refusal.value.error_id == "external_form"


async def test_a_session_token_is_no_assertion_where_both_have_one_issuer_and_one_key():
    with pytest.raises(SignInRefused) as refusal:
        await build().identify(PENDING, {"assertion": session_token(aud=ISSUER, nonce=PENDING.nonce)})
    assert refusal.value.error_id == "external_typ"


async def test_an_assertion_signs_the_subject_in():
    identity = await build().identify(PENDING, {"assertion": sign(), "state": PENDING.state})
    assert (identity.provider, identity.issuer, identity.subject) == ("app", BACKEND, "user-1")
    assert identity.authenticated_at == NOW


@pytest.mark.parametrize("changes", [
    {"aud": [ISSUER]},
    {"iat": NOW - 60},
    {"iat": NOW + 5},
    {"iat": NOW - 0.5},
    {"exp": NOW + 60},
    {"exp": None, "nbf": None, "email": None, "groups": None},
    {"nbf": NOW},
    {"sub": "did:privy:cl3x"},
    {"sub": "ü" * 255},
    {"jti": "x"},
    {"header": {"kid": None}},
    {"header": {"typ": "application/Sallyport-Sign-In+JWT"}},
])  # fmt: skip
async def test_what_a_backend_may_vary(changes):
    assert await build().identify(PENDING, {"assertion": sign(**changes)})


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
async def test_each_algorithm_of_the_configuration_is_accepted(algorithm):
    key = new_key("k", algorithm)
    assert await build(key).identify(PENDING, {"assertion": sign(key=key)})


async def test_the_issuer_need_not_be_a_url():
    provider = build(issuer="privy.io")
    assert await provider.issuer() == "privy.io"
    identity = await provider.identify(pending(issuer="privy.io"), {"assertion": sign(iss="privy.io")})
    assert identity.issuer == "privy.io"


async def test_a_recent_auth_time_satisfies_max_age_and_is_when_the_user_signed_in():
    identity = await build().identify(pending(max_age=300), {"assertion": sign(auth_time=NOW - 100)})
    assert identity.authenticated_at == NOW - 100


@pytest.mark.parametrize(("error", "cancelled"), [("access_denied", True), ("server_error", False)])
async def test_a_page_can_report_that_the_user_declined(error, cancelled):
    with pytest.raises(SignInRefused) as refusal:
        await build().identify(PENDING, {"error": error, "assertion": sign()})
    assert refusal.value.cancelled is cancelled


async def test_the_page_gets_state_and_nonce_and_is_not_told_where_to_post():
    url = await build().authorization_url(PENDING, AuthorizationUrlRequest())
    assert url == f"{PAGE}?state={PENDING.state}&nonce={PENDING.nonce}"


async def test_the_page_is_told_whom_and_how_to_sign_in():
    provider = build(page=f"{PAGE}?tenant=a%20b")
    asked = AuthorizationUrlRequest(login_hint="user@example.com&nonce=x", force_reauthentication=True)
    url = await provider.authorization_url(pending(max_age=0), asked)
    assert url == (
        f"{PAGE}?tenant=a%20b&state={PENDING.state}&nonce={PENDING.nonce}"
        "&login_hint=user%40example.com%26nonce%3Dx&prompt=login&max_age=0"
    )


async def test_the_session_token_setting_makes_assertions_worthless():
    """One entry takes one kind of proof: the keys of session tokens are not those of the operator's backend."""
    policy = {"audience": APP_ID, "origin": ORIGIN}
    with pytest.raises(SignInRefused) as refusal:
        await build(accept_session_token=policy).identify(PENDING, {"assertion": sign(), "origin": ORIGIN})
    assert refusal.value.error_id == "external_form"
