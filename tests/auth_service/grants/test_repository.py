"""Grants in the store: every outcome of presenting a code or a refresh token, against a real server."""

import json
import re
from dataclasses import replace

import pytest

from auth_service.authorization.interaction import ConsentDecision
from auth_service.authorization.interaction_repository import InteractionRepository, RecordedConsent
from auth_service.grants.grant import GrantStatus
from auth_service.grants.refresh_token_format import RefreshToken, follow, new_successor
from auth_service.grants.repository import GENERATIONS_KEPT, MAX_LOST_ANSWERS, GrantRepository, Rotation, grant_key
from auth_service.protocol.opaque import mac, new_secret, short_digest
from shared.jose.base64url import encode
from tests.support.grant_material import (
    ALLOWED,
    CLIENT,
    DAY,
    LIFETIMES,
    NOW,
    RESOURCE,
    REUSE_INTERVAL,
    age_grant,
    allowed,
    interaction,
    new_grant,
    open_grant,
    present,
)

pytestmark = pytest.mark.store


@pytest.fixture
def grants(store):
    return GrantRepository(store)


@pytest.fixture
async def opened(store):
    """A live grant and its first refresh token."""
    return await open_grant(store)


async def test_a_current_token_is_rotated_to_a_successor_that_works(grants, opened):
    first = await present(grants, opened)
    second = await present(grants, first.token)

    assert [first.outcome, second.outcome] == ["rotated", "rotated"]
    assert second.rotation.generation == 2
    assert second.rotation.scopes == ("notes:read",)
    assert second.rotation.resource == RESOURCE


@pytest.mark.invariant(6)
async def test_a_predecessor_gets_the_same_successor_while_that_is_unused_however_late(grants, opened):
    """The answer was lost, and the client comes back with the token it has."""
    first = await present(grants, opened, now=NOW)
    again = await present(grants, opened, now=NOW + 20 * DAY)

    assert again.outcome == "repeated"
    assert again.token == first.token


@pytest.mark.invariant(6)
async def test_a_predecessor_gets_the_newest_token_within_the_grace_although_its_successor_was_used(grants, opened):
    """Two processes share a token, and one of them is a step ahead."""
    first = await present(grants, opened, now=NOW)
    second = await present(grants, first.token, now=NOW + 1)
    third = await present(grants, second.token, now=NOW + 2)
    straggler = await present(grants, opened, now=NOW + REUSE_INTERVAL - 10)

    assert straggler.outcome == "repeated"
    assert straggler.token == third.token


@pytest.mark.invariant(6)
async def test_a_token_two_steps_old_beyond_the_grace_ends_the_grant(grants, opened):
    """A thief's replay ends the whole grant."""
    first = await present(grants, opened, now=NOW)
    second = await present(grants, first.token, now=NOW + 1)
    replay = await present(grants, opened, now=NOW + REUSE_INTERVAL + 1)
    owner = await present(grants, second.token, now=NOW + REUSE_INTERVAL + 2)

    assert [replay.outcome, owner.outcome] == ["reused", "ended"]
    assert (await grants.find(opened.grant_id)).ended_reason == "refresh_token_reused"


@pytest.mark.invariant(6)
async def test_two_holders_that_take_turns_are_detected(grants, opened):
    """A thief who always comes second looks like a lost answer, but not again and again."""
    token, outcomes = opened, []
    for turn in range(MAX_LOST_ANSWERS + 2):
        owner = await present(grants, token, now=NOW + turn * 3600)
        thief = await present(grants, token, now=NOW + turn * 3600 + 1800)
        outcomes.append(thief.outcome)
        token = owner.token
        if thief.outcome == "reused":
            break

    assert outcomes == ["repeated"] * MAX_LOST_ANSWERS + ["reused"]


@pytest.mark.invariant(6)
async def test_the_same_lost_answer_may_be_asked_for_again_and_again(grants, opened):
    """However often one answer is lost, its repetition counts once."""
    first = await present(grants, opened)
    late = [await present(grants, opened, now=NOW + n * 3600) for n in range(1, 10)]

    assert {again.token.secret for again in late} == {first.token.secret}


async def test_a_refresh_without_repetition_forgives_earlier_late_ones(grants, opened):
    token = opened
    for turn in range(3 * MAX_LOST_ANSWERS):
        after = await present(grants, token, now=NOW + turn * 7200)
        late = await present(grants, token, now=NOW + turn * 7200 + 3600)
        assert late.outcome == "repeated"
        token = (await present(grants, after.token, now=NOW + turn * 7200 + 3700)).token


async def test_a_retired_token_with_a_valid_mac_ends_the_grant_long_after_its_record_is_gone(grants, opened):
    token = opened
    for step in range(4):
        token = (await present(grants, token, now=NOW + step * 3600)).token
    replay = await present(grants, opened, now=NOW + 5 * 3600)

    assert replay.outcome == "reused"
    assert (await grants.find(opened.grant_id)).status is GrantStatus.ENDED


@pytest.mark.invariant(3)
async def test_another_client_gets_nothing_and_spends_nothing(grants, opened):
    """Validated before consumed."""
    stolen = await present(grants, opened, client_id="another")
    owner = await present(grants, opened)

    assert [stolen.outcome, owner.outcome] == ["wrong_client", "rotated"]


@pytest.mark.invariant(3)
async def test_another_resource_is_refused_and_spends_nothing(grants, opened):
    """Validated before consumed."""
    wrong = await present(grants, opened, resource="https://other.example/mcp")
    owner = await present(grants, opened)

    assert [wrong.outcome, owner.outcome] == ["wrong_resource", "rotated"]


@pytest.mark.invariant(3, 13)
async def test_a_grant_with_an_identity_does_not_change_before_that_identity_has_been_reviewed(store, grants):
    opened = await open_grant(store, identity="an-identity", claims=("email", "plan"))
    before = await store.command("GET", grant_key(opened.grant_id))
    for other in (None, "", "another-identity"):
        asked = await present(grants, opened, scopes=replace(allowed(), reviewed=other))
        assert asked.rotation == Rotation(
            "unreviewed", subject="user", identity="an-identity", resource=RESOURCE, claims=("email", "plan")
        )
    assert await store.command("GET", grant_key(opened.grant_id)) == before
    reviewed = await present(grants, opened, scopes=replace(ALLOWED, reviewed="an-identity"))
    assert reviewed.outcome == "rotated"


@pytest.mark.invariant(3)
async def test_a_user_of_whom_tokens_tell_is_reviewed_after_a_password_too(grants, opened):
    told = replace(ALLOWED, told=f"\n{RESOURCE}\n")
    assert (await present(grants, opened, scopes=told)).rotation.outcome == "unreviewed"
    assert (await present(grants, opened, scopes=replace(told, reviewed=""))).outcome == "rotated"


@pytest.mark.invariant(6)
@pytest.mark.parametrize(
    ("change", "outcome"),
    [({"client_id": "another"}, "wrong_client"), ({"resource": "https://other.example"}, "wrong_resource")],
)
async def test_a_request_that_is_not_valid_for_the_grant_is_refused_before_a_review(store, grants, change, outcome):
    opened = await open_grant(store, identity="an-identity")
    assert (await present(grants, opened, **change)).outcome == outcome


async def test_a_grant_unused_for_its_sliding_life_has_expired(grants, opened):
    assert (await present(grants, opened, now=NOW + 30 * DAY)).outcome == "expired"


async def test_each_use_slides_the_expiry_but_never_past_the_absolute_one(grants, opened):
    token = opened
    for day in range(25, 180, 25):
        token = (await present(grants, token, now=NOW + day * DAY)).token
    grant = await grants.find(opened.grant_id)

    assert abs(grant.expires_at + day * DAY - (NOW + 180 * DAY)) < 600
    assert (await present(grants, token, now=NOW + 180 * DAY)).outcome == "expired"


async def test_a_token_one_generation_newer_than_the_store_is_accepted_after_a_failover(grants, opened):
    """A failover lost the last write: the mark says that the token is ours (ADR 0005)."""
    newer = RefreshToken(opened.grant_id, 1, new_successor(opened.secret).secret)
    after = await present(grants, newer)

    assert after.outcome == "recovered"
    assert (await present(grants, after.token)).outcome == "rotated"


@pytest.mark.invariant(6)
async def test_the_predecessor_of_a_token_that_a_failover_lost_is_refused_and_ends_nothing(grants, opened):
    """Another process of the client still presents it; its successor can not be derived any more."""
    newer = RefreshToken(opened.grant_id, 1, new_successor(opened.secret).secret)
    after = await present(grants, newer)

    assert (await present(grants, opened)).outcome == "diverged"
    assert (await present(grants, newer)).token == after.token
    assert (await present(grants, after.token)).outcome == "rotated"


async def test_a_token_of_a_branch_that_a_failover_cut_off_is_believed_while_it_is_the_newest(grants, opened):
    await present(grants, opened)
    other_branch = RefreshToken(opened.grant_id, 1, new_secret())

    assert (await present(grants, other_branch)).outcome == "recovered"


async def test_a_token_more_than_one_step_newer_is_refused_but_ends_nothing(grants, opened):
    much_newer = RefreshToken(opened.grant_id, 5, new_secret())

    assert (await present(grants, much_newer)).outcome == "unknown"
    assert (await present(grants, opened)).outcome == "rotated"


async def test_the_record_of_a_grant_stays_small_however_often_it_is_refreshed(store, grants, opened):
    token = opened
    for step in range(3 * GENERATIONS_KEPT):
        token = (await present(grants, token, now=NOW + step / 100)).token
    length = await store.command("STRLEN", grant_key(opened.grant_id))

    assert length < 400 + 43 * GENERATIONS_KEPT


@pytest.mark.invariant(4)
async def test_a_copy_of_the_store_holds_no_secret_of_the_grant(store, grants, opened):
    """Neither a token nor anything that unseals one."""
    after = await present(grants, opened)
    record = await store.command("GET", grant_key(opened.grant_id))
    (hashes,) = re.findall(r'"([\w.-]{65,})"', record)
    first, salt, successor = hashes[:22], hashes[22:33], hashes[-22:]

    assert opened.secret not in record
    assert after.token.secret not in record
    assert follow(opened.secret, [(salt, successor)]) == after.token.secret
    for known in json.loads(record):
        for text in (str(known), first, successor, hashes[-43:]):
            assert encode(mac(text.encode(), "successor", salt)) != after.token.secret


@pytest.mark.invariant(3)
async def test_an_interaction_is_decided_once_and_the_decision_stands(store):
    """The first decision wins; the second answer tells what it was."""
    interactions = InteractionRepository(store, grant_seconds=86_400)
    asked = interaction()
    made = [
        await interactions.record_consent(asked, decision, grant=new_grant(), code_lifetime_seconds=60)
        for decision in (ConsentDecision.DENY, ConsentDecision.APPROVE)
    ]

    assert made == [RecordedConsent(ConsentDecision.DENY, is_new=is_new) for is_new in (True, False)]
    assert await GrantRepository(store).find(asked.identifier) is None


async def test_an_expired_interaction_cannot_be_decided(store):
    """By the clock of Redis: the time in which a decision is kept is the time in which it can be made."""
    gone = replace(interaction(), expires_at=1_000_000_000)

    assert (
        await InteractionRepository(store, grant_seconds=86_400).record_consent(
            gone, ConsentDecision.APPROVE, grant=new_grant(), code_lifetime_seconds=60
        )
        is None
    )
    assert await store.command("KEYS", f"*{gone.identifier.partition('-')[2]}*") == []


@pytest.mark.invariant(6)
async def test_a_code_redeemed_twice_ends_its_grant(store, grants):
    """What the first redemption issued is ended by the second."""
    opened = await open_grant(store, code="the-code")
    again = await grants.redeem_code(
        opened.grant_id,
        code_hash=short_digest("the-code"),
        refresh_hash=short_digest("another"),
        lifetimes=LIFETIMES,
        address="",
        network="",
    )

    assert again == "reused"
    assert (await present(grants, opened)).outcome == "ended"


async def test_ending_a_grant_is_done_once(grants, opened):
    ended = [await grants.end(opened.grant_id, reason="by_hand") for _ in range(2)]

    assert ended == [True, False]


async def test_the_index_lists_live_grants_most_recently_used_first_and_drops_the_rest(store, grants):
    older, newer, ended = [await open_grant(store, index=True) for _ in range(3)]
    await age_grant(store, older.grant_id, 10)
    await grants.end(ended.grant_id, reason="by_hand")
    await present(grants, older, now=NOW + 100)

    listed = await grants.find_by_subject("user", now=NOW + 101)

    assert [g.grant_id for g in listed] == [older.grant_id, newer.grant_id]
    assert {g.client_id for g in listed} == {CLIENT}


async def test_a_scan_finds_every_grant(store, grants):
    made = {(await open_grant(store)).grant_id for _ in range(30)}

    assert {g.grant_id async for g in grants.scan()} == made
