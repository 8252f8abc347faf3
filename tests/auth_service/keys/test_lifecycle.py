"""The life of a signing key, step by step and at every boundary."""

import pytest

from auth_service.keys.lifecycle import (
    CLOCK_SKEW_MS,
    MAX_UNCONFIRMED_MS,
    InvalidRing,
    NewKey,
    Ring,
    RingKeyState,
    UnknownKey,
    extended_for_token_lifetime,
    initial_ring,
    next_removal_ms,
    promote,
    prune,
    recovered,
    reencrypted,
    replace_pending,
    revoke,
    rotation_due_ms,
)

pytestmark = pytest.mark.invariant(5)

START = 1_800_000_000_000
HOUR = 3_600_000
AFTER_LAST_TOKEN = HOUR + MAX_UNCONFIRMED_MS + CLOCK_SKEW_MS


def key(kid, algorithm="RS256"):
    return NewKey(kid, algorithm, {"kty": "RSA", "n": kid}, f"encrypted {kid}")


def states(ring):
    return {k.kid: k.state.value for k in ring.keys}


@pytest.fixture
def ring():
    return initial_ring(key("a"), key("b"), now_ms=START, token_lifetime_ms=HOUR)


def promoted(ring, kid, at, lifetime=HOUR):
    return promote(ring, key(kid), now_ms=at, token_lifetime_ms=lifetime)


def test_a_first_ring_signs_with_one_key_and_publishes_the_next(ring):
    assert ring.version == 1
    assert states(ring) == {"a": "active", "b": "pending"}
    assert ring.active.activated_ms == START
    assert ring.pending.published_version == 1
    assert ring.pending.activated_ms is None


def test_a_key_goes_from_pending_through_active_and_retiring_until_it_is_gone(ring):
    second = promoted(ring, "c", START + 10)
    assert (second.version, states(second)) == (2, {"b": "active", "c": "pending", "a": "retiring"})
    third = promoted(second, "d", START + 20)
    assert (third.version, states(third)) == (3, {"c": "active", "d": "pending", "b": "retiring", "a": "retiring"})
    a_gone = prune(third, now_ms=START + 10 + AFTER_LAST_TOKEN)
    assert a_gone is not None
    assert (a_gone.version, states(a_gone)) == (4, {"c": "active", "d": "pending", "b": "retiring"})
    b_gone = prune(a_gone, now_ms=START + 20 + AFTER_LAST_TOKEN)
    assert (b_gone.version, states(b_gone)) == (5, {"c": "active", "d": "pending"})


def test_a_retiring_key_leaves_at_the_very_moment_its_last_token_cannot_be_good_any_more(ring):
    retired = promoted(ring, "c", START)
    assert next_removal_ms(retired) == START + AFTER_LAST_TOKEN
    assert prune(retired, now_ms=START + AFTER_LAST_TOKEN - 1) is None
    assert prune(retired, now_ms=START + AFTER_LAST_TOKEN) is not None


def test_the_private_part_is_thrown_away_when_a_key_stops_signing(ring):
    assert promoted(ring, "c", START).retiring[0].encrypted_private is None


def test_ten_rotations_keep_exactly_the_keys_whose_tokens_may_live(ring):
    every = AFTER_LAST_TOKEN // 3
    for n in range(10):
        now = START + n * every
        ring = prune(ring, now_ms=now) or ring
        ring = promoted(ring, f"k{n}", now)
        assert [k.state for k in ring.keys[:2]] == [RingKeyState.ACTIVE, RingKeyState.PENDING]
        assert len(ring.retiring) == min(n + 1, 3 + (n * every < AFTER_LAST_TOKEN))
        assert all(k.remove_ms > now for k in ring.retiring)


def test_a_pending_key_is_known_by_the_version_that_published_it(ring):
    replaced = replace_pending(ring, key("x", "ES256"), now_ms=START + 5, token_lifetime_ms=HOUR)
    assert states(replaced) == {"a": "active", "x": "pending"}
    assert (replaced.pending.algorithm, replaced.pending.published_version) == ("ES256", 2)
    after = promoted(replaced, "y", START + 6)
    assert (after.active.published_version, after.pending.published_version) == (2, 3)


def test_withdrawing_the_active_key_lets_the_pending_one_sign_at_once(ring):
    after = revoke(ring, "a", key("c"), now_ms=START + 7, token_lifetime_ms=HOUR)
    assert states(after) == {"b": "active", "c": "pending"}
    assert after.active.activated_ms == START + 7
    assert after.version == 2


def test_withdrawing_the_pending_key_publishes_another(ring):
    after = revoke(ring, "b", key("c"), now_ms=START, token_lifetime_ms=HOUR)
    assert states(after) == {"a": "active", "c": "pending"}


def test_withdrawing_a_retiring_key_takes_it_out_and_nothing_else(ring):
    retired = promoted(ring, "c", START)
    after = revoke(retired, "a", key("d"), now_ms=START, token_lifetime_ms=HOUR)
    assert states(after) == {"b": "active", "c": "pending"}
    assert after.pending == retired.pending


def test_withdrawing_a_key_that_is_not_there_is_told(ring):
    with pytest.raises(UnknownKey):
        revoke(ring, "z", key("c"), now_ms=START, token_lifetime_ms=HOUR)


def test_rotation_is_due_when_the_active_key_has_signed_for_the_interval(ring):
    assert rotation_due_ms(ring, interval_ms=5) == START + 5
    assert rotation_due_ms(promoted(ring, "c", START + 9), interval_ms=5) == START + 14


def test_nothing_is_to_be_removed_while_nothing_retires(ring):
    assert next_removal_ms(ring) is None
    assert prune(ring, now_ms=START * 2) is None


def test_the_longest_life_that_a_replica_gives_to_tokens_counts(ring):
    longer = extended_for_token_lifetime(ring, token_lifetime_ms=2 * HOUR)
    assert longer is not None
    assert extended_for_token_lifetime(longer, token_lifetime_ms=2 * HOUR) is None
    assert extended_for_token_lifetime(longer, token_lifetime_ms=HOUR) is None
    retired = promoted(longer, "c", START)
    assert retired.retiring[0].remove_ms == START + AFTER_LAST_TOKEN + HOUR


def test_a_life_that_becomes_known_later_does_not_touch_what_has_retired(ring):
    """Its tokens were given a life that was known; a replica that gives a longer one does not sign with it."""
    retired = promoted(ring, "c", START)
    assert extended_for_token_lifetime(retired, token_lifetime_ms=2 * HOUR).retiring == retired.retiring


def test_reencryption_changes_the_encrypted_private_keys_only(ring):
    after = reencrypted(ring, {"a": "anew"})
    assert after.version == 2
    assert [(k.kid, k.encrypted_private) for k in after.keys] == [("a", "anew"), ("b", "encrypted b")]


@pytest.mark.parametrize(("known", "lost", "expected"), [(7, 5, 8), (7, 0, 8), (1, 0, 2)])
def test_a_ring_that_is_put_back_has_a_version_that_was_never_published(ring, known, lost, expected):
    remembered = Ring(known, ring.keys)
    assert recovered(remembered, lost_version=lost) == Ring(expected, ring.keys)


@pytest.mark.parametrize(
    "broken",
    [
        lambda ring: (),
        lambda ring: (ring.active,),
        lambda ring: (ring.pending,),
        lambda ring: (ring.active, ring.active, ring.pending),
        lambda ring: (ring.active, ring.pending, ring.pending),
    ],
)
def test_a_ring_is_whole_or_there_is_none(ring, broken):
    with pytest.raises(InvalidRing):
        Ring(2, broken(ring))


def test_one_kid_never_means_two_keys(ring):
    with pytest.raises(InvalidRing):
        promoted(ring, "a", START)
