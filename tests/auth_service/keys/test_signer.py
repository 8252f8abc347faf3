"""Access tokens signed beside the event loop: by the key that is active when the token is given out (invariant 5)."""

import asyncio
import math
import secrets
import threading
import time

import pytest
import structlog
from prometheus_client import CollectorRegistry

from auth_service.encryption import EncryptionKeys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import MAX_UNCONFIRMED_MS, RotationPolicy, promote, revoke
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.signer import ActiveKey, ThreadedSigner, new_key
from auth_service.keys.signing_thread import SigningThread
from auth_service.keys.signing_trials import SigningTrials, Turn
from shared.errors import ServiceUnavailable
from shared.jose.jws import parse_compact_jws

pytestmark = pytest.mark.store

ENCRYPTION = EncryptionKeys((secrets.token_bytes(32),))
HOUR_MS = 3_600_000


class Always(SigningTrials):
    """As where a core is always free."""

    def next_turn(self, now, signatures):
        del now, signatures
        return Turn(in_thread=True, until=math.inf)


class Hold:
    """Holds signatures in the thread while the test changes the ring."""

    def __init__(self, monkeypatch):
        self.reached, self.released = threading.Event(), threading.Event()
        self.others: list[str] = []
        really, loop_thread = ActiveKey.signature, threading.get_ident()

        def signature(key, signing_input):
            if threading.get_ident() != loop_thread:
                self.reached.set()
                assert self.released.wait(10)
                self.others.append(key.kid)
            return really(key, signing_input)

        monkeypatch.setattr(ActiveKey, "signature", signature)

    async def until_reached(self):
        await asyncio.to_thread(self.reached.wait, 10)


class Monotonic:
    ahead = 0.0

    def __call__(self):
        return time.monotonic() + self.ahead


@pytest.fixture
def monotonic():
    return Monotonic()


@pytest.fixture
async def ring(store, monotonic):
    made = KeyRing(
        repository=KeyRingRepository(store),
        encryption_keys=ENCRYPTION,
        policy=RotationPolicy("ES256", 10**12, 600_000, HOUR_MS),
        log=structlog.get_logger(),
        monotonic=monotonic,
    )
    await made.refresh()
    return made


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def signer(ring, registry):
    made = ThreadedSigner(
        ring,
        thread=SigningThread(max_waiting=1),
        trials=Always(cores=2, process_time=time.process_time),
        monotonic=time.monotonic,
        registry=registry,
    )
    yield made
    made.close()


@pytest.fixture
def hold(monkeypatch):
    holding = Hold(monkeypatch)
    yield holding
    holding.released.set()


async def kid_of(ring, token):
    """The key that a token names, once its signature is verified."""
    jws = parse_compact_jws(token)
    kid = jws.header()["kid"]
    assert (await ring.find(kid)).verify(jws.signing_input, jws.signature)
    return kid


async def change_while_signing(ring, signer, hold, change):
    """Sign, and have the ring changed while the thread holds the signature."""
    task = asyncio.create_task(signer.sign({"sub": "alice"}, typ="at+jwt"))
    await hold.until_reached()
    await change()
    hold.released.set()
    return await task


def stored(ring, store, change):
    async def apply():
        successor = new_key("ES256", ENCRYPTION)
        await KeyRingRepository(store).change(lambda stored_ring: change(stored_ring, successor))
        await ring.refresh()

    return apply


async def test_a_signature_of_the_thread_is_one_of_the_active_key(ring, signer, hold):
    hold.released.set()
    active = ring.ring.active.kid
    assert await kid_of(ring, await signer.sign({"sub": "alice"}, typ="at+jwt")) == active
    assert hold.others == [active]


@pytest.mark.invariant(5)
async def test_no_token_is_given_out_of_a_key_that_was_revoked_while_it_signed(ring, store, signer, hold):
    old = ring.ring.active.kid
    revoking = stored(
        ring, store, lambda r, key: revoke(r, old, key, now_ms=2_000_000_000_000, token_lifetime_ms=HOUR_MS)
    )
    token = await change_while_signing(ring, signer, hold, revoking)
    assert hold.others == [old]
    assert await kid_of(ring, token) == ring.ring.active.kid != old


@pytest.mark.invariant(5)
async def test_a_token_is_of_the_new_key_if_the_keys_rotate_while_it_is_signed(ring, store, signer, hold):
    old = ring.ring.active.kid
    rotating = stored(ring, store, lambda r, key: promote(r, key, now_ms=2_000_000_000_000, token_lifetime_ms=HOUR_MS))
    token = await change_while_signing(ring, signer, hold, rotating)
    assert hold.others == [old]
    assert await kid_of(ring, token) == ring.ring.active.kid != old


@pytest.mark.invariant(5, 8)
async def test_a_ring_that_is_not_confirmed_any_more_gives_no_token_out(ring, signer, hold, monotonic):
    async def no_confirmation():
        monotonic.ahead = MAX_UNCONFIRMED_MS / 1000 + 1

    with pytest.raises(ServiceUnavailable, match="not been confirmed"):
        await change_while_signing(ring, signer, hold, no_confirmation)


async def test_while_the_thread_is_full_the_event_loop_signs_by_itself(ring, signer, hold):
    held = asyncio.create_task(signer.sign({"sub": "alice"}, typ="at+jwt"))
    await hold.until_reached()
    assert await kid_of(ring, await signer.sign({"sub": "bob"}, typ="at+jwt")) == ring.ring.active.kid
    assert not held.done()
    hold.released.set()
    await held
    assert len(hold.others) == 1


async def test_signatures_are_counted_by_where_they_were_made(ring, signer, hold, registry):
    held = asyncio.create_task(signer.sign({"sub": "alice"}, typ="at+jwt"))
    await hold.until_reached()
    for _ in range(2):
        await signer.sign({"sub": "bob"}, typ="at+jwt")
    hold.released.set()
    await held
    name = "sallyport_access_token_signatures_total"
    assert registry.get_sample_value(name, {"place": "event_loop"}) == 2
    assert registry.get_sample_value(name, {"place": "thread"}) == 1


async def test_after_the_end_of_the_thread_tokens_are_signed_without_it(ring, signer, hold):
    signer.close()
    assert await kid_of(ring, await signer.sign({"sub": "alice"}, typ="at+jwt")) == ring.ring.active.kid
    assert hold.others == []
