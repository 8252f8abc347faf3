"""The store is killed in the middle of an atomic step: at its next start the step has happened, or it has not.

Invariants 3, 6 and 12. The file of a real server is cut at every place where a kill can leave it, within what one step
wrote; the server starts from each, and the same step, sent again, comes to the same end.
"""

import json
import re
import shutil

import pytest

from auth_service.authorization.interaction import ConsentDecision
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.grants.record import Position
from auth_service.grants.repository import GrantRepository
from auth_service.keys.repository import KeyRingRepository
from auth_service.protocol.opaque import short_digest, split_identifier
from auth_service.status_lists.repository import StatusListRepository
from auth_service.users.repository import UserRepository
from auth_service.users.user import User
from devstack.embedded_store import EmbeddedStore
from shared.redis.single import SingleRedisClient
from tests.auth_service.keys.test_rotator import Deployment
from tests.support import topologies
from tests.support.grant_material import (
    DAY,
    LIFETIMES,
    NOW,
    age_grant,
    allowed,
    interaction,
    new_grant,
    open_grant,
    present,
)

pytestmark = [pytest.mark.invariant(3, 6, 12), pytest.mark.store, pytest.mark.long, pytest.mark.timeout(300)]

CUTS = 24
ADA = User(subject="s", username="ada", name=None, email=None, email_verified=False, created_at=1)


class Recording:
    """A store that remembers the last script that it ran."""

    def __init__(self, store):
        self._store = store
        self.last = None

    def __getattr__(self, name):
        return getattr(self._store, name)

    async def run(self, *call):
        self.last = call
        return await self._store.run(*call)


async def decide(store):
    asked = interaction()
    interactions = InteractionRepository(store, grant_seconds=86_400)
    grant = new_grant(code_hash="hash")
    return lambda: interactions.record_consent(asked, ConsentDecision.APPROVE, grant=grant, code_lifetime_seconds=60)


async def redeem(store):
    step = await decide(store)
    await step()
    grant_id = store.last[1][1].removeprefix("sp:{").replace("}:grant:", "-")
    return lambda: GrantRepository(store).redeem_code(
        grant_id, code_hash="hash", refresh_hash="refresh", address="192.0.2.1", network="", lifetimes=LIFETIMES
    )


async def rotate(store):
    token = await open_grant(store)
    second = (await present(GrantRepository(store), token)).token
    return lambda: present(GrantRepository(store), second)


async def narrow(store):
    token = await open_grant(store, scopes=("notes:read", "notes:write"))
    narrower = allowed("notes:read", read_at=NOW + DAY)
    return lambda: present(GrantRepository(store), token, scopes=narrower)


async def end(store):
    token = await open_grant(store)
    return lambda: GrantRepository(store).end(token.grant_id, reason="revoked")


async def reuse(store):
    token = await open_grant(store)
    second = (await present(GrantRepository(store), token)).token
    await present(GrantRepository(store), second)
    await age_grant(store, token.grant_id, DAY)
    return lambda: present(GrantRepository(store), token)


async def replay(store):
    token = await open_grant(store)
    return lambda: GrantRepository(store).redeem_code(
        token.grant_id, code_hash=short_digest("a-code"), refresh_hash="", address="", network="", lifetimes=LIFETIMES
    )


async def write_back(store):
    token = await open_grant(store)
    return lambda: StatusListRepository(store).write_back(split_identifier(token.grant_id)[0], [1, 2, 3])


async def put_ring(store):
    deployment = Deployment(store)
    await deployment.begin()
    ring = await deployment.ring()
    return lambda: KeyRingRepository(store).put(type(ring)(ring.version + 1, ring.keys), expected_version=ring.version)


async def add_user(store):
    return lambda: UserRepository(store).add(ADA, "hash")


async def add_user_with_identity(store):
    return lambda: UserRepository(store).add_with_identity(ADA, "identity", "statement")


async def link_identity(store):
    await UserRepository(store).add(ADA, "hash")
    return lambda: UserRepository(store).link_identity(ADA.subject, "identity", "statement")


async def unlink_identity(store):
    await (await link_identity(store))()
    return lambda: UserRepository(store).unlink_identity(ADA.subject, "identity", password_counts=True, others=[])


async def remove_user(store):
    await UserRepository(store).add_with_identity(ADA, "identity", "statement")
    return lambda: UserRepository(store).remove(ADA)


async def suspend_user(store):
    await UserRepository(store).add(ADA, "hash")
    return lambda: UserRepository(store).suspend(ADA.subject, now=1)


async def state_of(store):
    """Every key with its value and its expiry."""
    found = {}
    async for page in store.scan("*"):
        for key in page:
            if key.endswith(":allocated"):
                # A bitmap is no text.
                found[key] = await store.command("BITCOUNT", key), await store.command("PEXPIRETIME", key)
                continue
            kind = await store.command("TYPE", key)
            read = {
                "string": ("GET", key),
                "hash": ("HGETALL", key),
                "set": ("SMEMBERS", key),
                "zset": ("ZRANGE", key, 0, -1, "WITHSCORES"),
            }
            found[key] = await store.command(*read[kind]), await store.command("PEXPIRETIME", key)
    return found


TIMES = (Position.CREATED_AT, Position.EXPIRES, Position.USED, Position.REFRESHED, Position.ENDED)


def values(state):
    """Without times, which count from the step."""
    return {key: (_timeless(key, value), expires > 0) for key, (value, expires) in state.items()}


def _timeless(key, value):
    if ":grant:" in key:
        record = json.loads(value)
        for position in TIMES:
            record[position - 1] = "a time"
        # Of each replaced token a hash and a salt; then when it was replaced.
        record[Position.TOKENS - 1] = re.sub(r"(.{33}).{10}", r"\1", record[Position.TOKENS - 1])
        return record
    if not isinstance(value, dict):
        return value
    return {n: "a time" if n.endswith("_at") or n == "until" else v for n, v in value.items()}


async def at(directory, work):
    with EmbeddedStore(directory, server=topologies.SERVER) as server:
        store = SingleRedisClient(server.url)
        try:
            return await work(store)
        finally:
            await store.close()


@pytest.mark.parametrize(
    "prepare",
    [
        decide,
        redeem,
        rotate,
        narrow,
        end,
        reuse,
        replay,
        write_back,
        put_ring,
        add_user,
        add_user_with_identity,
        link_identity,
        unlink_identity,
        remove_user,
        suspend_user,
    ],
)
async def test_a_step_that_was_cut_off_has_happened_or_not_and_can_be_sent_again(tmp_path, prepare):
    whole = tmp_path / "whole"
    file = "appendonlydir/appendonly.aof.1.incr.aof"

    async def live(store):
        recording = Recording(store)
        step = await prepare(recording)
        before, start = await state_of(store), (whole / file).stat().st_size
        await step()
        return recording.last, before, await state_of(store), start, (whole / file).stat().st_size

    call, before, after, start, stop = await at(whole, live)
    assert before != after

    seen = []
    for cut in sorted({start + (stop - start) * n // CUTS for n in range(CUTS + 1)}):
        torn = tmp_path / str(cut)
        shutil.copytree(whole, torn, ignore=shutil.ignore_patterns("*.sock", "lock", "*.log"))
        with (torn / file).open("r+b") as written:
            written.truncate(cut)

        async def look(store):
            found = await state_of(store)
            await store.run(*call)
            return found, await state_of(store)

        found, repeated = await at(torn, look)
        assert found in (before, after), f"half a step after a cut at byte {cut - start} of {stop - start}"
        assert values(repeated) == values(after)
        seen.append(found == after)
    assert seen == sorted(seen)
    assert (seen[0], seen[-1]) == (False, True)
