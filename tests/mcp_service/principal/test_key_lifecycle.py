"""A key is published before it signs, and until its last assertion has expired."""

import pytest

from mcp_service.principal.assertion import LIFETIME_SECONDS
from mcp_service.principal.key_lifecycle import (
    JWKS_MAX_AGE_SECONDS,
    OVERLAP_SECONDS,
    OwnKeys,
    OwnKeyState,
    TooEarly,
    first_ring,
    is_due,
    pruned,
    rotated,
)
from mcp_service.principal.key_pairs import new_own_key
from mcp_service.principal.own_keys import MAX_UNCONFIRMED_SECONDS, POLL_SECONDS

NOW = 1_800_000_000
LATER = NOW + OVERLAP_SECONDS


@pytest.fixture(scope="module")
def ring():
    return first_ring(new_own_key(now=NOW), new_own_key(now=NOW), now=NOW)


def test_the_first_key_signs_at_once_and_the_next_one_is_published(ring):
    assert [key.state for key in ring.keys] == [OwnKeyState.ACTIVE, OwnKeyState.PENDING]


def test_the_pending_key_cannot_sign_before_readers_have_it(ring):
    with pytest.raises(TooEarly) as early:
        rotated(ring, new_own_key(now=LATER - 5), now=LATER - 5)
    assert early.value.seconds == 5


def test_a_rotation_keeps_what_has_signed_until_the_overlap_is_over(ring):
    successor = new_own_key(now=LATER)
    after = rotated(ring, successor, now=LATER)
    assert (after.version, after.active.kid, after.pending.kid) == (2, ring.pending.kid, successor.kid)
    (retired,) = (key for key in after.keys if key.state is OwnKeyState.RETIRING)
    assert (retired.kid, retired.private, retired.remove) == (ring.active.kid, None, LATER + OVERLAP_SECONDS)
    assert pruned(after, now=LATER + OVERLAP_SECONDS - 1) is after
    left = pruned(after, now=LATER + OVERLAP_SECONDS)
    assert (left.version, {key.kid for key in left.keys}) == (3, {after.active.kid, after.pending.kid})


def test_a_second_rotation_is_too_early_just_after_the_first(ring):
    after = rotated(ring, new_own_key(now=LATER), now=LATER)
    with pytest.raises(TooEarly):
        rotated(after, new_own_key(now=LATER), now=LATER)


def test_the_overlap_covers_caches_replicas_and_the_lifetime_of_assertions():
    assert OVERLAP_SECONDS >= JWKS_MAX_AGE_SECONDS + POLL_SECONDS
    assert OVERLAP_SECONDS >= MAX_UNCONFIRMED_SECONDS + LIFETIME_SECONDS


@pytest.mark.parametrize(
    ("interval", "age", "due"), [(1000, 999, False), (1000, 1000, True), (0, 10**9, False), (10, 359, False)]
)
def test_a_rotation_is_due_by_age_but_not_before_the_pending_key_may_sign(ring, interval, age, due):
    assert is_due(ring, interval_seconds=interval, now=NOW + age) is due


def test_a_ring_has_one_active_and_one_pending_key(ring):
    with pytest.raises(ValueError, match="states"):
        OwnKeys(2, (ring.active,))
