"""A sign-in at a provider and its callback through several replicas: one winner, and nothing left behind."""

import asyncio
import secrets

import pytest

from auth_service.encryption import RecordEncryption
from auth_service.federation.pending_repository import PendingSignInRepository
from auth_service.federation.provider import PendingSignIn, Purpose

pytestmark = [pytest.mark.store, pytest.mark.invariant(3)]

KEYS = [secrets.token_bytes(32)]


def repositories(stores):
    return [PendingSignInRepository(store, RecordEncryption(KEYS)) for store in stores]


def a_sign_in():
    return PendingSignIn(
        state=secrets.token_urlsafe(32),
        provider="acme",
        issuer="https://acme.example",
        purpose=Purpose.SIGN_IN,
        browser_hash="b",
        transaction="t",
        subject="",
        nonce="n",
        code_verifier="v",
        started_at=1.5,
    )


async def test_one_of_concurrent_callbacks_with_one_state_signs_in(stores, store):
    replicas = repositories(stores)
    for _ in range(20):
        pending = a_sign_in()
        await replicas[0].store(pending.state, replicas[0].encrypt(pending))
        await replicas[0].keep_response(pending.state, {"state": pending.state, "code": "c"})
        found = await asyncio.gather(*(replica.find(pending.state) for replica in replicas))
        assert found == [pending] * len(replicas)
        won = await asyncio.gather(*(replica.consume(pending) for replica in replicas))
        assert sorted(won) == [False] * (len(replicas) - 1) + [True]
        assert await replicas[1].find(pending.state) is None
    assert [page async for page in store.scan("sp:*")] == []


async def test_a_response_is_not_kept_of_a_sign_in_that_is_consumed_at_the_same_time(stores, store):
    """Whatever the order: what was kept before has gone with the sign-in, what comes later is refused."""
    replicas = repositories(stores)
    for _ in range(30):
        pending = a_sign_in()
        await replicas[0].store(pending.state, replicas[0].encrypt(pending))
        calls = [replica.keep_response(pending.state, {"code": "c"}) for replica in replicas[1:]]
        await asyncio.gather(replicas[0].consume(pending), *calls)
        assert await replicas[0].find(pending.state) is None
        assert await replicas[0].keep_response(pending.state, {"code": "late"}) is None
    assert [page async for page in store.scan("sp:*")] == []


async def test_a_foreign_key_decrypts_nothing_and_a_rotated_one_everything(stores):
    pending = a_sign_in()
    first = PendingSignInRepository(stores[0], RecordEncryption(KEYS))
    await first.store(pending.state, first.encrypt(pending))
    new = secrets.token_bytes(32)
    assert await PendingSignInRepository(stores[1], RecordEncryption([new])).find(pending.state) is None
    assert await PendingSignInRepository(stores[1], RecordEncryption([new, *KEYS])).find(pending.state) == pending
