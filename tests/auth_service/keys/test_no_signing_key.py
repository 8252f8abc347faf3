"""No signing key at hand: 503 with when to come back, and nothing consumed."""

import pytest

from auth_service.grants.grant import GrantStatus
from auth_service.keys.key_ring import KeyRing
from shared.errors import ServiceUnavailable

pytestmark = pytest.mark.invariant(3, 8)


def away(*_args, **_kwargs):
    raise ServiceUnavailable("no key ring has been loaded yet", error_id="keys_loaded")


@pytest.mark.parametrize("step", ["ready", "sign"])
async def test_a_code_is_good_again_when_the_keys_are_back(auth, client, monkeypatch, step):
    """The keys may go between the check and the signature: the code is spent after that only."""
    code = await auth.code(client)
    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, step, away)
        answer = await auth.redeem(code)
    assert (answer.status, answer.json["error"]) == (503, "temporarily_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert (await auth.grants.find(code.value.partition(".")[0])).status is GrantStatus.CODE
    assert (await auth.redeem(code)).status == 200


@pytest.mark.parametrize("step", ["ready", "sign"])
async def test_a_refresh_token_is_good_again_when_the_keys_are_back(auth, client, monkeypatch, step):
    tokens = await auth.tokens(client)
    with monkeypatch.context() as patched:
        patched.setattr(KeyRing, step, away)
        answer = await auth.refresh(client, tokens["refresh_token"])
    assert answer.status == 503
    assert "Retry-After" in answer.headers
    assert (await auth.refresh(client, tokens["refresh_token"])).status == 200


async def test_requests_without_signatures_still_work_and_readiness_is_503(auth, client, monkeypatch):
    user = auth.user_agent()
    monkeypatch.setattr(KeyRing, "ready", away)
    assert "code" in await user.decide(await user.consent_page(auth.authorize_url(client)))
    assert (await auth.get("/livez")).status == 200
    ready = await auth.get("/readyz")
    assert (ready.status, ready.json["checks"]["keys"]["ready"]) == (503, False)


@pytest.mark.parametrize(("error_id", "status"), [("keys_confirmed", 200), ("keys_decrypted", 503)])
async def test_a_replica_leaves_only_if_another_one_could_sign(auth, monkeypatch, error_id, status):
    """Keys that Redis has not confirmed are published still, and no replica can sign; a missing secret is local."""

    def cannot_sign(_ring):
        raise ServiceUnavailable("cannot sign", error_id=error_id)

    monkeypatch.setattr(KeyRing, "ready", cannot_sign)
    ready = await auth.get("/readyz")
    assert (ready.status, ready.json["impaired"]) == (status, ["keys"])
    assert ready.json["checks"]["keys"]["note"] == error_id
    assert (await auth.get("/.well-known/jwks.json")).status == 200
