"""A grant ends and its entry is revoked in one step, and an entry is given once: through several connections."""

import asyncio
import contextlib
import itertools
import random
import time
from dataclasses import replace
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.authorization import interaction_repository
from auth_service.authorization.interaction import ConsentDecision
from auth_service.authorization.interaction_repository import InteractionRepository, RecordedConsent
from auth_service.grants.access_removal import AccessRemoval
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.opaque import new_secret, short_digest, split_identifier
from auth_service.sessions.repository import SessionRepository
from auth_service.status_lists.identifiers import ENTRIES, allocated_key, new_identifier_in, new_list_id
from auth_service.status_lists.published_lists import PublishedStatusLists
from auth_service.status_lists.repository import StatusListRepository
from auth_service.users.repository import UserRepository
from shared.background import end_tasks
from shared.errors import RedisUnavailable, ServiceUnavailable
from shared.redis.topology import open_redis_client
from tests.support.ended_and_revoked import all_consistent, ended_and_revoked
from tests.support.grant_material import LIFETIMES, age_grant, interaction, new_grant, open_grant, present

pytestmark = [pytest.mark.store, pytest.mark.invariant(12)]

HOUR = 3600


def approve(store, asked, *, grant_seconds=HOUR):
    """Every approval makes a grant of one user and client, with the same code."""
    return InteractionRepository(store, grant_seconds=grant_seconds).record_consent(
        asked,
        ConsentDecision.APPROVE,
        grant=new_grant(code_hash=short_digest("a-code")),
        code_lifetime_seconds=60,
    )


def asked_in(list_id):
    return replace(interaction(), identifier=new_identifier_in(list_id))


def lists_on(store, clock=time.time):
    """Without a key: nothing is published by it."""
    unused: Any = None
    return PublishedStatusLists(
        issuer="https://auth.example",
        repository=StatusListRepository(store),
        key_ring=unused,
        log=structlog.get_logger(),
        clock=clock,
        monotonic=time.monotonic,
    )


async def end_by_hand(store, token):
    return await GrantRepository(store).end(token.grant_id, reason="revoked_by_client")


async def reuse(store, token):
    return (await present(GrantRepository(store), token)).outcome == "reused"


async def replay_the_code(store, token):
    outcome = await GrantRepository(store).redeem_code(
        token.grant_id,
        code_hash=short_digest("a-code"),
        refresh_hash=short_digest(new_secret()),
        lifetimes=LIFETIMES,
        address="",
        network="198.51.100.7",
    )
    return outcome == "reused"


async def remove_the_user(store, token):
    audit = AuditLog(AuditRepository(store), CollectorRegistry())
    removal = AccessRemoval(
        users=UserRepository(store),
        sessions=SessionRepository(store, lifetime_seconds=HOUR),
        grants=GrantRepository(store),
        audit=audit.acting_as("service"),
        clock=time.time,
    )
    ended = await removal.end_access("user", reason="user_suspended_or_removed")
    return token.grant_id in {grant.grant_id for grant in ended}


ENDINGS = {
    "by hand, as the page, the command and the revocation endpoint do": [end_by_hand],
    "reuse of a refresh token": [reuse],
    "replay of the code": [replay_the_code],
    "removal of the user": [remove_the_user],
    "all of them": [end_by_hand, reuse, replay_the_code, remove_the_user],
}


async def open_to_every_ending(store):
    """A grant whose first refresh token was replaced twice, long ago."""
    token = await open_grant(store, index=True)
    second = (await present(GrantRepository(store), token)).token
    await present(GrantRepository(store), second)
    await age_grant(store, token.grant_id, HOUR)
    return token


@pytest.mark.parametrize("endings", ENDINGS.values(), ids=ENDINGS)
async def test_one_of_many_that_end_a_grant_does_and_its_entry_is_revoked_in_the_same_step(store, stores, endings):
    for _ in range(4):
        token = await open_to_every_ending(store)
        wanted = itertools.cycle(endings)
        enders = [next(wanted)(one, token) for one in stores for _ in range(4)]
        random.shuffle(enders)
        is_over = asyncio.Event()

        async def watch(over=is_over, grant_id=token.grant_id):
            seen: list[tuple[bool, bool]] = []
            while not over.is_set() or not seen:
                seen.append(await ended_and_revoked(store, grant_id))
            return seen

        watching = asyncio.create_task(watch())
        results = await asyncio.gather(*enders)
        is_over.set()

        assert results.count(True) == 1
        assert set(await watching) <= {(False, False), (True, True)}
        assert await ended_and_revoked(store, token.grant_id) == (True, True)


async def test_a_nearly_full_list_gives_each_free_entry_once_and_refuses_the_rest(store, stores, monkeypatch):
    """A refused approval leaves no decision, so that the user can go on in another list."""
    list_id, entries = new_list_id(), 64
    taken = random.sample(range(entries), 54)
    empty = f"sp:{{{list_id}}}:empty"
    await store.command("SETBIT", empty, ENTRIES - 1, 0)
    await store.command("BITOP", "NOT", allocated_key(list_id), empty)
    for entry in set(range(entries)) - set(taken):
        await store.command("SETBIT", allocated_key(list_id), entry, 0)
    monkeypatch.setattr(
        interaction_repository, "candidate_entries", lambda: " ".join(map(str, random.sample(range(entries), entries)))
    )
    asked = [asked_in(list_id) for _ in range(100)]
    connections = itertools.cycle(stores)

    results = await asyncio.gather(*(approve(next(connections), one) for one in asked), return_exceptions=True)

    recorded = RecordedConsent(ConsentDecision.APPROVE, is_new=True)
    assert results.count(recorded) == entries - len(taken)
    assert all(isinstance(r, ServiceUnavailable) for r in results if r != recorded)
    grants = [await GrantRepository(store).find(one.identifier) for one in asked]
    given = [grant.entry for grant in grants if grant is not None]
    assert sorted([*given, *taken]) == list(range(entries))
    refused = [one for one, result in zip(asked, results, strict=True) if result != recorded]
    decisions = InteractionRepository(store, grant_seconds=HOUR)
    assert {await decisions.find_decision(one.identifier) for one in refused} == {None}
    (state,) = await StatusListRepository(store).states([list_id])
    assert state.allocated == len(given)


async def test_an_entry_is_not_given_again_when_its_grant_has_ended(store, stores, monkeypatch):
    list_id = new_list_id()
    first = asked_in(list_id)
    await approve(store, first)
    grant = await GrantRepository(store).find(first.identifier)
    assert grant is not None
    assert await GrantRepository(store).end(first.identifier, reason="by_hand")
    monkeypatch.setattr(interaction_repository, "candidate_entries", lambda: str(grant.entry))
    asked = [asked_in(list_id) for _ in stores]
    results = await asyncio.gather(*(approve(*pair) for pair in zip(stores, asked, strict=True)))
    assert set(results) == {RecordedConsent(ConsentDecision.APPROVE, is_new=True)}
    grants = [await GrantRepository(store).find(one.identifier) for one in asked]
    assert len({grant.entry, *(made.entry for made in grants if made is not None)}) == 1 + len(asked)


async def test_approvals_while_a_list_is_closed_keep_it_until_their_last_token_has_expired(store, stores):
    """Replicas that remove what they may, at every moment, while others still approve in the list."""
    lists = lists_on(store)
    await lists.refresh()
    list_id = split_identifier(lists.new_identifier())[0]
    asked = [asked_in(list_id) for _ in range(40)]
    connections = itertools.cycle(stores)
    await asyncio.gather(
        *(approve(next(connections), one, grant_seconds=30 * HOUR) for one in asked[:20]),
        StatusListRepository(store).close(list_id, now_ms=int(time.time() * 1000)),
        *(approve(next(connections), one, grant_seconds=30 * HOUR) for one in asked[20:]),
    )
    grants = [await GrantRepository(store).find(one.identifier) for one in asked]
    assert len({grant.entry for grant in grants if grant is not None}) == 40

    for hours, is_kept in ((24, True), (26, True), (29, True), (31, False)):
        later = [lists_on(one, lambda hours=hours: time.time() + hours * HOUR) for one in stores]
        await asyncio.gather(*(one.remove_expired() for one in later))
        registry = await StatusListRepository(store).registry()
        assert (list_id in registry) is is_kept
        assert (await store.command("EXISTS", allocated_key(list_id)) == 1) is is_kept


async def test_a_closed_list_without_a_grant_outlives_every_interaction_that_began_in_it(store):
    """AUTH_INTERACTION_TTL is a day at most."""
    lists = lists_on(store)
    await lists.refresh()
    repository = StatusListRepository(store)
    list_id = split_identifier(lists.new_identifier())[0]
    await repository.close(list_id, now_ms=int(time.time() * 1000))
    await lists_on(store, lambda: time.time() + 24 * HOUR + 600).remove_expired()
    assert list_id in await repository.registry()
    await lists_on(store, lambda: time.time() + 26 * HOUR).remove_expired()
    assert list_id not in await repository.registry()


async def test_many_replicas_that_write_back_a_lost_revocation_at_once_leave_one_entry(store, stores):
    """Each has published it, and finds it gone."""
    lists = lists_on(store)
    await lists.refresh()
    asked = replace(interaction(), identifier=lists.new_identifier())
    list_id = split_identifier(asked.identifier)[0]
    await approve(store, asked)
    await GrantRepository(store).end(asked.identifier, reason="by_hand")
    replicas = [lists_on(one) for one in stores]
    await asyncio.gather(*(one.refresh() for one in replicas))
    repository = StatusListRepository(store)
    before, (revoked,) = await repository.states([list_id]), await repository.revoked([list_id])
    assert len(revoked) == 1
    await repository.remove(list_id)

    await asyncio.gather(*(one.refresh() for one in replicas))
    await asyncio.gather(*(one.refresh() for one in replicas))

    assert await repository.revoked([list_id]) == [revoked]
    after = await repository.states([list_id])
    assert (after[0].allocated, after[0].tag != before[0].tag) == (1, True)
    assert {one.tags[list_id] for one in replicas} == {after[0].tag}
    assert list_id in await repository.registry()


async def test_a_grant_whose_entry_alone_is_revoked_ends_at_its_next_refresh(store):
    """A failover lost the ending of the grant; a replica has written the published entry back."""
    token = await open_grant(store)
    grant = await GrantRepository(store).find(token.grant_id)
    assert grant is not None
    await StatusListRepository(store).write_back(split_identifier(token.grant_id)[0], [grant.entry])
    assert (await present(GrantRepository(store), token)).outcome == "ended"
    assert await ended_and_revoked(store, token.grant_id) == (True, True)


async def test_clients_cut_off_and_scripts_killed_in_the_middle_leave_both_or_neither(
    store, stores, store_url, several_processes
):
    """A script that has written cannot be killed; one whose caller is gone has run, or never begins."""
    nodes = several_processes[1] if several_processes else None
    connections = itertools.cycle(stores)

    async def disturb():
        while True:
            if nodes is None:
                with contextlib.suppress(RedisUnavailable):
                    await store.command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no")
            for node in nodes or ():
                await asyncio.to_thread(node.ask, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
                await asyncio.to_thread(node.ask, "SCRIPT", "KILL")
            await asyncio.sleep(random.uniform(0.005, 0.02))

    async def end(grant_id):
        """Several times, as a caller whose answer was lost: how often it was lost, and how often this ended it."""
        lost, ended_it = 0, 0
        for _ in range(10):
            try:
                ended_it += await GrantRepository(next(connections)).end(grant_id, reason="by_hand")
            except RedisUnavailable:
                lost += 1
                with contextlib.suppress(RedisUnavailable):
                    ended, revoked = await ended_and_revoked(store, grant_id)
                    assert ended == revoked
        return lost, ended_it

    cut_off = 0
    async with asyncio.timeout(60):
        while cut_off < 20:
            async with unbroken(store_url) as connection:
                grant_ids = [(await open_grant(connection)).grant_id for _ in range(20)]
            disturbing = asyncio.create_task(disturb())
            results = await asyncio.gather(*(end(grant_id) for grant_id in grant_ids for _ in range(5)))
            await end_tasks([disturbing])
            cut_off += sum(lost > 0 for lost, _ in results)
            answered = set()
            for grant_id, mine in zip(grant_ids, zip(*[iter(results)] * 5, strict=True), strict=True):
                # If an answer was lost, the call that ended it may be the one that does not know.
                assert sum(ended_it for _, ended_it in mine) in ({0, 1} if any(lost for lost, _ in mine) else {1})
                if any(lost < 10 for lost, _ in mine):
                    answered.add(grant_id)
            async with unbroken(store_url) as connection:
                await all_consistent(connection, grant_ids)
                assert await all_consistent(connection, [*answered]) == len(answered)


@contextlib.asynccontextmanager
async def unbroken(store_url):
    """A client whose connections have not been cut off."""
    opened = open_redis_client(store_url, connections=2)
    yield opened
    await opened.close()
