"""The ring of signing keys in a real store: made once, changed by one writer, known to every replica."""

import asyncio
import base64
import json
import secrets
import time

import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import KeySet

from auth_service.encryption import EncryptionKeys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.lifecycle import MAX_UNCONFIRMED_MS, RotationPolicy, UnknownKey, promote, revoke
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.signer import new_key
from shared.errors import Misconfigured, ServiceUnavailable
from shared.jose.jws import InvalidToken
from shared.redis.single import SingleRedisClient
from tests.support.ring_tokens import access_claims, sign, verify
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store

SECRET, OTHER_SECRET = secrets.token_bytes(32), secrets.token_bytes(32)
LOG = structlog.get_logger()
HOUR_MS = 3_600_000


class Clock:
    def __init__(self):
        self.now = 1_800_000_000.0

    def __call__(self):
        return self.now


def ring_of(store, *, secrets_given=(SECRET,), clock=time.time, monotonic=time.monotonic, algorithm="ES256", ttl=3600):
    return KeyRing(
        repository=KeyRingRepository(store),
        encryption_keys=EncryptionKeys(secrets_given),
        policy=RotationPolicy(algorithm, 10**12, 600_000, ttl * 1000),
        log=LOG,
        clock=clock,
        monotonic=monotonic,
    )


@pytest.fixture
async def key_ring(store):
    started = ring_of(store)
    await started.start(new_supervisor())
    yield started
    await started.stop()


@pytest.fixture
def repository(store):
    return KeyRingRepository(store)


def successor(secret=SECRET):
    return new_key("ES256", EncryptionKeys([secret]))


async def rotate(repository, now_ms=2_000_000_000_000):
    key = successor()
    return await repository.change(lambda ring: promote(ring, key, now_ms=now_ms, token_lifetime_ms=HOUR_MS))


async def test_a_first_start_makes_one_active_and_one_pending_key(key_ring):
    assert [key.state for key in key_ring.ring.keys] == ["active", "pending"]
    assert key_ring.ring.version == 1


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
async def test_a_signed_token_verifies_under_joserfc_with_the_published_set(store, algorithm, recwarn):
    key_ring = ring_of(store, algorithm=algorithm)
    await key_ring.refresh()
    claims = access_claims(n=1, text="é")
    token = key_ring.sign(claims, typ="at+jwt")
    document = json.loads(key_ring.public_key_set.body)
    decoded = jwt.decode(token, KeySet.import_key_set(document), algorithms=[algorithm])
    assert decoded.claims == claims
    assert decoded.header == {"alg": algorithm, "kid": key_ring.ring.active.kid, "typ": "at+jwt"}
    assert (await verify(key_ring, token)).claims.subject == "ann"


@pytest.mark.invariant(4)
async def test_the_store_holds_no_private_key(store, key_ring):
    """Everything that is stored, searched for the private number of the active key."""
    stored = str(await store.command("HGETALL", "sp:{keys}:ring"))
    private = EncryptionKeys([SECRET]).decrypt(key_ring.ring.active.kid, key_ring.ring.active.encrypted_private)
    assert private["x"] in stored
    assert private["d"] not in stored


async def test_a_restarted_process_signs_with_the_same_key(store, key_ring):
    again = ring_of(store)
    await again.refresh()
    assert again.ring == key_ring.ring
    assert (await verify(again, sign(key_ring))).claims.subject == "ann"


async def test_a_rotation_is_known_to_a_running_replica_without_its_asking(repository, key_ring):
    key_ring._poll_seconds = 3600
    changed, pending = key_ring.changed, key_ring.ring.pending.kid
    await rotate(repository)
    await asyncio.wait_for(changed.wait(), 5)
    assert key_ring.ring.active.kid == pending
    assert key_ring.sign({}, typ="at+jwt")


async def test_a_rotation_whose_message_is_lost_is_noticed_by_polling(store):
    key_ring = ring_of(store)
    key_ring._poll_seconds = 0.05
    await key_ring.start(new_supervisor())
    key_ring._tasks[1].cancel()
    changed = key_ring.changed
    await rotate(KeyRingRepository(store))
    await asyncio.wait_for(changed.wait(), 5)
    assert key_ring.ring.version == 2
    await key_ring.stop()


async def test_a_token_of_a_retiring_key_still_verifies_and_one_of_a_revoked_key_does_not(repository, key_ring):
    token, kid = sign(key_ring), key_ring.ring.active.kid
    await rotate(repository)
    await key_ring.refresh()
    assert (await verify(key_ring, token)).key.kid == kid
    key = successor()
    await repository.change(lambda ring: revoke(ring, kid, key, now_ms=1, token_lifetime_ms=HOUR_MS))
    await key_ring.refresh()
    with pytest.raises(InvalidToken) as raised:
        await verify(key_ring, token)
    assert raised.value.error_id == "kid"


async def test_revoking_an_unknown_key_changes_nothing(repository, key_ring):
    key = successor()
    with pytest.raises(UnknownKey):
        await repository.change(lambda ring: revoke(ring, "unknown", key, now_ms=1, token_lifetime_ms=HOUR_MS))
    assert (await repository.read()) == key_ring.ring


async def test_a_write_from_an_old_version_is_refused(repository, key_ring):
    old = await repository.read()
    new = await rotate(repository)
    late = promote(old, successor(), now_ms=1, token_lifetime_ms=HOUR_MS)
    assert await repository.put(late, expected_version=old.version) is False
    assert await repository.read() == new


@pytest.mark.invariant(5)
async def test_a_copy_that_cannot_be_confirmed_stops_signing_but_still_verifies_and_is_published(store):
    """A replica that has lost the store might hold a key that was replaced long ago."""
    clock = Clock()
    key_ring = ring_of(store, monotonic=clock)
    await key_ring.refresh()
    token = sign(key_ring)
    clock.now += MAX_UNCONFIRMED_MS / 1000
    key_ring.ready()
    clock.now += 0.001
    with pytest.raises(ServiceUnavailable) as fault:
        key_ring.sign({}, typ="at+jwt")
    assert fault.value.error_id == "keys_confirmed"
    assert (await verify(key_ring, token)).claims.subject == "ann"
    assert key_ring.public_key_set.version == 1
    await key_ring.refresh()
    key_ring.ready()


@pytest.mark.invariant(8)
async def test_before_a_ring_is_loaded_everything_is_a_fault_of_ours():
    away = SingleRedisClient("unix:///nonexistent/valkey.sock")
    key_ring = ring_of(away)
    await key_ring.start(new_supervisor())
    for use in (key_ring.ready, lambda: key_ring.sign({}, typ="x"), lambda: key_ring.public_key_set):
        with pytest.raises(ServiceUnavailable):
            use()
    with pytest.raises(ServiceUnavailable):
        await key_ring.find("any")
    await key_ring.stop()
    await away.close()


@pytest.mark.invariant(11)
async def test_a_store_that_comes_later_makes_the_ring_ready(tmp_path_factory, embedded_store):
    """auth_service may be started before its store."""
    from devstack.embedded_store import EmbeddedStore

    directory = tmp_path_factory.mktemp("s")
    later = EmbeddedStore(directory)
    store = SingleRedisClient(later.url)
    key_ring = ring_of(store)
    key_ring._poll_seconds = 0.05
    await key_ring.start(new_supervisor())
    changed = key_ring.changed
    with later:
        await asyncio.wait_for(changed.wait(), 10)
        key_ring.ready()
        await key_ring.stop()
        await store.close()


async def test_keys_that_decrypt_nothing_prevent_the_start(store, key_ring):
    with pytest.raises(Misconfigured, match="AUTH_KEY_ENCRYPTION_KEY"):
        await ring_of(store, secrets_given=(OTHER_SECRET,)).start(new_supervisor())


async def test_a_new_first_secret_reencrypts_at_the_next_start_and_the_old_one_can_then_go(store, key_ring):
    token = sign(key_ring)
    both = ring_of(store, secrets_given=(OTHER_SECRET, SECRET))
    await both.refresh()
    only_new = ring_of(store, secrets_given=(OTHER_SECRET,))
    await only_new.refresh()
    await verify(only_new, token)
    assert only_new.ring.active.kid == key_ring.ring.active.kid
    only_new.sign({}, typ="at+jwt")


async def test_two_orders_of_the_same_secrets_do_not_reencrypt_in_turn(store):
    """While a new order is rolled out both are running; each encrypts once, at its start."""
    one, two = (ring_of(store, secrets_given=order) for order in ((SECRET, OTHER_SECRET), (OTHER_SECRET, SECRET)))
    await one.refresh()
    await two.refresh()
    version = two.ring.version
    for _ in range(3):
        await one.refresh()
        await two.refresh()
    assert one.ring.version == two.ring.version == version


@pytest.mark.invariant(5)
async def test_a_replica_that_gives_longer_lives_has_its_keys_published_longer(store, repository, key_ring):
    """While another AUTH_ACCESS_TOKEN_TTL is rolled out."""
    await ring_of(store, ttl=86_400).refresh()
    ring = await rotate(repository, now_ms=0)
    assert ring.retiring[0].remove_ms > 86_400_000


async def test_a_key_made_by_a_replica_with_shorter_lives_is_covered_as_soon_as_it_is_seen(store, repository, key_ring):
    longer = ring_of(store, ttl=86_400)
    await longer.refresh()
    for _ in range(2):
        await rotate(repository)
        await longer.refresh()
    assert {key.token_lifetime_ms for key in (await repository.read()).keys} == {86_400_000}


async def test_a_ring_that_the_store_has_lost_is_put_back(store, repository, key_ring):
    """A failover may lose acknowledged writes; tokens signed meanwhile must go on verifying."""
    token = sign(key_ring)
    await store.command("DEL", "sp:{keys}:ring")
    await key_ring.refresh()
    fresh = ring_of(store)
    await fresh.refresh()
    assert fresh.ring.version == 2
    await verify(fresh, token)


async def test_a_ring_that_went_back_to_an_older_version_is_put_forward_again(store, repository, key_ring):
    old = await store.command("HGETALL", "sp:{keys}:ring")
    await rotate(repository)
    await key_ring.refresh()
    rotated = key_ring.ring
    fields = [part for item in (old.items() if isinstance(old, dict) else ()) for part in item]
    await store.command("HSET", "sp:{keys}:ring", *fields)
    await key_ring.refresh()
    assert (await repository.read()).version == 3
    assert key_ring.ring.keys == rotated.keys


async def test_an_unreadable_ring_is_a_fault_and_the_copy_in_memory_is_kept(store, key_ring):
    await store.command("HSET", "sp:{keys}:ring", "body", "{}")
    with pytest.raises(ServiceUnavailable):
        await key_ring.refresh()
    assert key_ring.sign({}, typ="at+jwt")


async def test_a_ring_of_before_the_first_release_is_named_as_such(store, key_ring):
    """It cannot be read; the reason says so, and what to do."""
    body = json.loads(await store.command("HGET", "sp:{keys}:ring", "body"))
    for key in body["keys"]:
        key["sealed"] = key.pop("encrypted_private")
    await store.command("HSET", "sp:{keys}:ring", "body", json.dumps(body))
    with pytest.raises(ServiceUnavailable, match="before the first release"):
        await key_ring.refresh()
    assert key_ring.sign({}, typ="at+jwt")


@pytest.mark.parametrize(
    ("check", "forge"),
    [
        ("form", lambda token: "not-a-token"),
        ("form", lambda token: token + "="),
        ("form", lambda token: token.rsplit(".", 1)[0] + ".+/+/"),
        ("form", lambda token: "." + token),
        ("form", lambda token: "é" + token),
        ("size", lambda token: token + "A" * 9000),
        ("kid", lambda token: header({"typ": "at+jwt", "alg": "ES256", "kid": "other"}) + token[token.index(".") :]),
        ("kid", lambda token: header({"typ": "at+jwt", "alg": "ES256"}) + token[token.index(".") :]),
        ("kid", lambda token: header({"typ": "at+jwt", "alg": "ES256", "kid": ["x"]}) + token[token.index(".") :]),
        ("header", lambda token: header([]) + token[token.index(".") :]),
        ("header", lambda token: base64.urlsafe_b64encode(b"[" * 4000).decode().rstrip("=") + ".e30.AAAA"),
    ],
)
async def test_a_foreign_token_is_refused(key_ring, check, forge):
    with pytest.raises(InvalidToken) as raised:
        await verify(key_ring, forge(sign(key_ring)))
    assert raised.value.error_id == check


async def test_another_algorithm_or_claims_under_a_published_kid_are_refused(key_ring):
    token = sign(key_ring)
    kid = key_ring.ring.active.kid
    rest = token[token.index(".") :]
    for alg, check in (("HS256", "alg"), ("none", "alg"), ("RS256", "alg"), ("ES256", "signature")):
        with pytest.raises(InvalidToken) as raised:
            await verify(key_ring, header({"typ": "at+jwt", "alg": alg, "kid": kid}) + rest)
        assert raised.value.error_id == check
    head, _, signature = token.split(".")
    with pytest.raises(InvalidToken):
        await verify(key_ring, f"{head}.{header({'sub': 'bob'})}.{signature}")


def header(content):
    text = json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")
