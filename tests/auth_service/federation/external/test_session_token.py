"""Session tokens in the place of assertions: off unless the operator names the setting, and the invalid ones
that are refused.

As for assertions, each invalid one has its control.
"""

import asyncio
import base64

import pytest

from auth_service.federation.external.used_tokens_repository import UsedTokensRepository
from auth_service.federation.provider import SignInRefused
from shared.errors import RedisUnavailable
from shared.redis.topology import open_redis_client
from tests.auth_service.federation.external.operator_backend import (
    APP_ID,
    BACKEND,
    ISSUER,
    KEY,
    NOW,
    ORIGIN,
    PENDING,
    build,
    pending,
    session_token,
    sign,
    switch_off,
)
from tests.support.local_issuer import b64, new_key

POLICY = {"audience": APP_ID, "origin": ORIGIN}
OTHER_KEY = new_key("backend-1", "ES256")
P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@pytest.fixture
async def used_tokens(store):
    return UsedTokensRepository(store)


class Unused:
    """Remembers nothing: the control of the tests of one use."""

    async def consume(self, signed_part, *, lifetime_seconds):
        return True


def provider(used_tokens, *, now=NOW, **policy):
    return build(accept_session_token=POLICY | policy, used_tokens=used_tokens, now=now)


async def post(signer, token, *, begun=PENDING, origin=ORIGIN):
    form = {"session_token": token, "state": begun.state}
    return await signer.identify(begun, form if origin is None else form | {"origin": origin})


def with_rewritten_signature(token):
    """The other signature over the same bytes that an ECDSA verifier accepts: s becomes n - s."""
    signed, _, signature = token.rpartition(".")
    raw = base64.urlsafe_b64decode(signature + "==")
    other = (P256_ORDER - int.from_bytes(raw[32:])).to_bytes(32)
    return f"{signed}.{b64(raw[:32] + other)}"


def case(name, token, *off, origin=ORIGIN, begun=PENDING):
    return pytest.param(token, off, origin, begun, id=name)


INVALID_SUBMISSIONS = [
    case("posted by another site", session_token, "origin", origin="https://evil.example"),
    case("posted by a site below the page's", session_token, "origin", origin="https://evil.app.example.com"),
    case("posted by the page's host over http", session_token, "origin", origin="http://app.example.com"),
    case("posted by the page's host at another port", session_token, "origin", origin="https://app.example.com:8443"),
    case("posted by a sandboxed frame", session_token, "origin", origin="null"),
    case("posted without an origin", session_token, "origin", origin=None),
    case("of another application", lambda: session_token(aud="app-2"), "audience"),
    case("of two applications", lambda: session_token(aud=[APP_ID, "app-2"]), "audience"),
    case("for this server", lambda: session_token(aud=ISSUER), "audience"),
    case("of no application", lambda: session_token(aud=None), "audience"),
    case("of another issuer", lambda: session_token(iss="https://other.example"), "issuer"),
    case("61 seconds old", lambda: session_token(iat=NOW - 61), "issued_at"),
    case("in the future", lambda: session_token(iat=NOW + 6), "issued_at"),
    case("expired", lambda: session_token(exp=NOW - 6), "not_expired"),
    case("without an expiry", lambda: session_token(exp=None), "has_expiry"),
    case("not valid yet", lambda: session_token(nbf=NOW + 60), "not_before"),
    case("without a subject", lambda: session_token(sub=""), "subject"),
    case("an access token of the same issuer", lambda: session_token(header={"typ": "at+jwt"}), "type"),
    case("an assertion", lambda: sign(aud=APP_ID, exp=NOW + 60), "type"),
    case("by another key", lambda: session_token(key=OTHER_KEY), "signature"),
    case("by an unknown key", lambda: session_token(header={"kid": "other"}), "key"),
    case("with a key in its header", lambda: session_token(header={"jku": "https://evil.example"}), "extensions"),
    case("for a sign-in at another provider", session_token, "pending", begun=pending(provider="other")),
    case("where max_age asks for the time of sign-in", session_token, "authentication", begun=pending(max_age=300)),
]


@pytest.mark.parametrize(("token", "off", "origin", "begun"), INVALID_SUBMISSIONS)
@pytest.mark.invariant(13)
async def test_an_invalid_session_token_signs_no_user_in_and_uses_nothing_up(used_tokens, token, off, origin, begun):
    signer = provider(used_tokens)
    with pytest.raises(SignInRefused):
        await post(signer, token(), origin=origin, begun=begun)
    assert await post(signer, session_token())


@pytest.mark.parametrize(("token", "off", "origin", "begun"), INVALID_SUBMISSIONS)
async def test_the_check_that_is_meant_is_the_one_that_refuses_it(monkeypatch, token, off, origin, begun):
    switch_off(monkeypatch, *off)
    assert await post(provider(Unused()), token(), origin=origin, begun=begun)


async def test_without_the_setting_a_session_token_is_nothing():
    with pytest.raises(SignInRefused) as refusal:
        await post(build(), session_token())
    assert refusal.value.error_id == "external_form"


async def test_a_session_token_signs_its_user_in(used_tokens):
    identity = await post(provider(used_tokens), session_token(sub="did:privy:cl3x"))
    assert (identity.provider, identity.issuer, identity.subject) == ("app", BACKEND, "did:privy:cl3x")
    assert identity.claims == {"sid": "session-1"}


async def test_a_privy_access_token_is_accepted_as_it_is(used_tokens):
    """ES256, a bare word as issuer, no nbf and no nonce."""
    signer = build(accept_session_token=POLICY, used_tokens=used_tokens, issuer="privy.io", algorithms=["ES256"])
    token = session_token(iss="privy.io", sub="did:privy:cl3x")
    assert await post(signer, token, begun=pending(issuer="privy.io"))


async def test_the_age_is_a_setting(used_tokens):
    old = session_token(iat=NOW - 3000)
    with pytest.raises(SignInRefused):
        await post(provider(used_tokens), old)
    assert await post(provider(used_tokens, max_age=3600), old)


@pytest.mark.invariant(3)
async def test_a_session_token_signs_in_once(used_tokens):
    signer, token = provider(used_tokens), session_token()
    assert await post(signer, token)
    for again in (token, with_rewritten_signature(token)):
        with pytest.raises(SignInRefused) as refusal:
            await post(signer, again, begun=pending(state="next", nonce="next"))
        assert refusal.value.error_id == "external_used"


async def test_a_rewritten_signature_is_valid():
    """The control of the test above: without the memory of used tokens, it signs the user in."""
    assert await post(provider(Unused()), with_rewritten_signature(session_token()))


async def test_a_token_that_is_used_at_one_entry_is_used_at_all(used_tokens):
    token = session_token()
    other = build(id="other", accept_session_token=POLICY, used_tokens=used_tokens)
    assert await post(provider(used_tokens), token)
    with pytest.raises(SignInRefused):
        await post(other, token, begun=pending(provider="other"))


@pytest.mark.store
@pytest.mark.invariant(3)
async def test_of_many_posts_of_one_token_one_signs_in(store_url):
    clients = [open_redis_client(store_url) for _ in range(8)]
    try:
        token = session_token()
        signers = [provider(UsedTokensRepository(client)) for client in clients for _ in range(4)]
        outcomes = await asyncio.gather(*(post(one, token) for one in signers), return_exceptions=True)
    finally:
        for client in clients:
            await client.close()
    refusals = [outcome for outcome in outcomes if isinstance(outcome, SignInRefused)]
    assert len(outcomes) - len(refusals) == 1
    assert {refusal.error_id for refusal in refusals} == {"external_used"}


@pytest.mark.invariant(4)
async def test_the_store_keeps_a_hash_until_the_token_is_too_old(used_tokens, store):
    token = session_token(iat=NOW - 10)
    await post(provider(used_tokens), token)
    (key,) = await store.command("KEYS", "sp:*")
    assert token.split(".")[1] not in key
    assert await store.command("GET", key) == "1"
    assert 50 <= await store.command("TTL", key) <= 56


async def test_without_the_store_nobody_is_signed_in():
    class Away:
        async def consume(self, signed_part, *, lifetime_seconds):
            raise RedisUnavailable("away")

    with pytest.raises(RedisUnavailable):
        await post(provider(Away()), session_token())


async def test_the_token_is_in_no_reason(used_tokens):
    for token in (session_token(aud="x"), session_token(key=OTHER_KEY), f"{session_token()}.x", KEY.kid):
        with pytest.raises(SignInRefused) as refusal:
            await post(provider(used_tokens), token)
        assert token[:40] not in refusal.value.reason
