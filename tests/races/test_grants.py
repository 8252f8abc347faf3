"""Races over one grant through several connections: exactly one winner, and the state after it."""

import asyncio
import itertools
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest

from auth_service.authorization.interaction import ConsentDecision
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.grants import repository
from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.opaque import new_secret, short_digest, split_identifier
from auth_service.status_lists.identifiers import new_identifier_in, new_list_id
from auth_service.status_lists.repository import StatusListRepository
from tests.support.grant_material import DAY, LIFETIMES, NOW, allowed, interaction, new_grant, open_grant, present

pytestmark = pytest.mark.store


@pytest.fixture
def asked():
    """An interaction that waits for its decision."""
    return interaction()


def decide(store, asked, decision, **granted):
    return InteractionRepository(store, grant_seconds=86_400).record_consent(
        asked,
        decision,
        grant=new_grant(**granted),
        code_lifetime_seconds=60,
    )


@pytest.mark.invariant(3, 6)
async def test_two_hundred_refreshes_at_once_give_one_successor(store, stores):
    """One rotation, and every caller holds the token that won."""
    token = await open_grant(store)
    connections = itertools.cycle(stores)

    answers = await asyncio.gather(*(present(GrantRepository(next(connections)), token) for _ in range(200)))

    assert [a.outcome for a in answers].count("rotated") == 1
    assert {a.outcome for a in answers} == {"rotated", "repeated"}
    assert len({a.token.secret for a in answers}) == 1
    assert (await GrantRepository(store).find(token.grant_id)).generation == 1


@pytest.mark.invariant(3, 6)
async def test_a_code_redeemed_at_once_by_many_has_one_winner_and_a_dead_grant(stores, asked):
    """A code is redeemed once, and an attempt from another network ends what the first one issued."""
    await decide(stores[0], asked, ConsentDecision.APPROVE)

    outcomes = await asyncio.gather(
        *(
            GrantRepository(one).redeem_code(
                asked.identifier,
                code_hash=short_digest("code"),
                refresh_hash=short_digest(new_secret()),
                lifetimes=LIFETIMES,
                address="",
                network=f"192.0.2.{n}",
            )
            for one in stores
            for n in range(5)
        )
    )

    assert outcomes.count("redeemed") == 1
    assert outcomes.count("reused") == 1
    assert set(outcomes) == {"redeemed", "reused", "ended"}
    assert (await GrantRepository(stores[0]).find(asked.identifier)).status is GrantStatus.ENDED


@pytest.mark.invariant(3, 6)
async def test_a_code_redeemed_at_once_by_many_of_one_network_has_one_winner_whose_grant_goes_on(stores, asked):
    """A callback that is loaded several times (interop.md F22)."""
    await decide(stores[0], asked, ConsentDecision.APPROVE)

    outcomes = await asyncio.gather(
        *(
            GrantRepository(one).redeem_code(
                asked.identifier,
                code_hash=short_digest("code"),
                refresh_hash=short_digest(new_secret()),
                lifetimes=LIFETIMES,
                address="",
                network="192.0.2.1",
            )
            for one in stores
            for _ in range(5)
        )
    )

    assert sorted(outcomes) == ["redeemed"] + ["repeated"] * (len(outcomes) - 1)
    assert (await GrantRepository(stores[0]).find(asked.identifier)).status is GrantStatus.LIVE


@pytest.mark.invariant(3)
async def test_approve_and_deny_at_once_leave_one_decision(stores, asked):
    """The first stands, and every caller gets the same answer."""
    wanted = itertools.cycle([ConsentDecision.APPROVE, ConsentDecision.DENY])

    made = await asyncio.gather(*(decide(one, asked, next(wanted)) for one in stores for _ in range(10)))

    assert len({outcome.decision for outcome in made}) == 1
    assert [outcome.is_new for outcome in made].count(True) == 1


@pytest.mark.invariant(3)
async def test_one_value_posted_eighty_times_over_eight_connections_makes_one_decision_and_one_grant(stores, asked):
    """Nothing is stored before, so the decision itself is what keeps a value from being used twice."""
    made = await asyncio.gather(*(decide(one, asked, ConsentDecision.APPROVE) for one in stores for _ in range(10)))

    assert [outcome.decision for outcome in made] == [ConsentDecision.APPROVE] * 80
    keys = [key async for page in stores[0].scan(f"*{asked.identifier.partition('-')[2]}*") for key in page]
    assert sorted(key.split(":")[2] for key in keys) == ["decision", "grant"]


@pytest.mark.invariant(3, 15)
async def test_the_grant_holds_exactly_one_of_different_choices_posted_at_once(stores, asked):
    """Not what one form left together with what another left."""
    choices = [(("notes:read",), ("email",)), (("notes:write",), ()), (("notes:share",), ("name", "groups"))]
    made = await asyncio.gather(
        *(
            decide(one, asked, ConsentDecision.APPROVE, scopes=scopes, claims=claims)
            for one in stores
            for scopes, claims in choices
        )
    )

    [winner] = [position for position, outcome in enumerate(made) if outcome.is_new]
    grant = await GrantRepository(stores[0]).find(asked.identifier)
    assert (grant.scopes, grant.claims) == choices[winner % len(choices)]


@pytest.mark.invariant(3)
async def test_a_value_posted_again_while_its_code_is_redeemed_never_brings_the_code_back(stores, asked):
    """A second creation would overwrite the redeemed grant with a code that can be redeemed again."""
    await decide(stores[0], asked, ConsentDecision.APPROVE)
    redeemed = GrantRepository(stores[0]).redeem_code(
        asked.identifier,
        code_hash=short_digest("code"),
        refresh_hash=short_digest(new_secret()),
        lifetimes=LIFETIMES,
        address="",
        network="",
    )
    again = [decide(one, asked, ConsentDecision.APPROVE) for one in stores for _ in range(5)]

    outcomes = await asyncio.gather(*again[:20], redeemed, *again[20:])

    assert outcomes.count("redeemed") == 1
    assert (await GrantRepository(stores[0]).find(asked.identifier)).status is GrantStatus.LIVE


@pytest.mark.invariant(3)
async def test_a_grant_ended_while_it_is_refreshed_stays_ended(store, stores):
    """Nothing revives an ended grant."""
    token = await open_grant(store)
    work: list[Any] = [present(GrantRepository(one), token) for one in stores for _ in range(5)]
    work.insert(len(work) // 2, GrantRepository(store).end(token.grant_id, reason="by_hand"))

    await asyncio.gather(*work)

    assert (await GrantRepository(store).find(token.grant_id)).status is GrantStatus.ENDED
    assert (await present(GrantRepository(store), token)).outcome == "ended"


@pytest.mark.invariant(12)
async def test_two_hundred_approvals_in_one_list_at_once_get_two_hundred_entries(stores):
    """An entry that two grants shared would revoke both with one."""
    list_id = new_list_id()
    asked = [replace(interaction(), identifier=new_identifier_in(list_id)) for _ in range(200)]
    connections = itertools.cycle(stores)
    # Few candidates, so that every approval meets entries that are taken.
    with patch.object(repository, "ENTRIES", 512):
        await asyncio.gather(*(decide(next(connections), one, ConsentDecision.APPROVE) for one in asked))
    grants = [await GrantRepository(stores[0]).find(one.identifier) for one in asked]
    assert len({grant.entry for grant in grants if grant is not None}) == 200


@pytest.mark.invariant(12)
async def test_a_grant_that_many_end_at_once_is_revoked_once_and_alone(store, stores):
    token, other = await open_grant(store), await open_grant(store)
    connections = itertools.cycle(stores)
    ended = await asyncio.gather(
        *(GrantRepository(next(connections)).end(token.grant_id, reason="by_hand") for _ in range(50))
    )
    assert ended.count(True) == 1
    grant = await GrantRepository(store).find(token.grant_id)
    assert grant is not None
    assert await StatusListRepository(store).revoked([split_identifier(token.grant_id)[0]]) == [{grant.entry}]
    assert await StatusListRepository(store).revoked([split_identifier(other.grant_id)[0]]) == [set()]


@pytest.mark.invariant(6, 12, 15)
async def test_refreshes_at_once_of_a_grant_that_is_narrowed_allocate_one_entry(store, stores):
    """All answers name the entry that is valid, and it is another than that of the wider tokens."""
    token = await open_grant(store, scopes=("notes:read", "notes:write"))
    before = await GrantRepository(store).find(token.grant_id)
    connections = itertools.cycle(stores)
    narrower = allowed("notes:read", read_at=NOW + DAY)
    answers = await asyncio.gather(
        *(present(GrantRepository(next(connections)), token, scopes=narrower) for _ in range(100))
    )
    assert {a.outcome for a in answers} == {"rotated", "repeated"}
    assert len({a.token for a in answers}) == 1
    assert [a.rotation.dropped for a in answers].count(("notes:write",)) == 1
    lists, list_id = StatusListRepository(store), split_identifier(token.grant_id)[0]
    assert before is not None
    assert await lists.revoked([list_id]) == [{before.entry}]
    [entry] = {a.rotation.entry for a in answers}
    assert entry != before.entry
    [state] = await lists.states([list_id])
    assert state.allocated == 2


@pytest.mark.invariant(12)
async def test_an_entry_that_was_given_up_is_never_given_again(store, stores):
    """A hundred grants of one list are narrowed, and a hundred approved, where many candidates are taken."""
    list_id, connections = new_list_id(), itertools.cycle(stores)
    lists = StatusListRepository(store)
    with patch.object(repository, "ENTRIES", 512):
        wide = [
            await open_grant(store, grant_id=new_identifier_in(list_id), scopes=("notes:read", "notes:write"))
            for _ in range(100)
        ]
        old = {g.entry for token in wide if (g := await GrantRepository(store).find(token.grant_id)) is not None}
        asked = [replace(interaction(), identifier=new_identifier_in(list_id)) for _ in range(100)]
        narrower = allowed("notes:read", read_at=NOW + DAY)
        work: list[Any] = [present(GrantRepository(next(connections)), token, scopes=narrower) for token in wide]
        work += [decide(next(connections), one, ConsentDecision.APPROVE) for one in asked]
        await asyncio.gather(*work)
    found = [await GrantRepository(store).find(i) for i in [t.grant_id for t in wide] + [a.identifier for a in asked]]
    new = {grant.entry for grant in found if grant is not None}
    assert (len(old), len(new)) == (100, 200)
    assert old.isdisjoint(new)
    assert await lists.revoked([list_id]) == [old]


@pytest.mark.invariant(12, 15)
async def test_a_grant_ended_while_it_is_narrowed_leaves_no_entry_valid(store, stores):
    token = await open_grant(store, scopes=("notes:read", "notes:write"))
    narrower = allowed("notes:read", read_at=NOW + DAY)
    work: list[Any] = [present(GrantRepository(one), token, scopes=narrower) for one in stores for _ in range(3)]
    work.insert(12, GrantRepository(store).end(token.grant_id, reason="by_hand"))
    answers = [a for a in await asyncio.gather(*work) if not isinstance(a, bool)]
    [revoked] = await StatusListRepository(store).revoked([split_identifier(token.grant_id)[0]])
    assert {a.rotation.entry for a in answers if a.token is not None} <= revoked
    [state] = await StatusListRepository(store).states([split_identifier(token.grant_id)[0]])
    assert len(revoked) == state.allocated
