"""When a pending key may sign (invariant 5): proof from those that are seen, time for those that are not."""

import pytest

from auth_service.keys.lifecycle import NewKey, first_ring, promote
from auth_service.keys.propagation import HeldSets, PropagationEvidence, ReplicaKeyVersion, propagation_status

NOW = 1_800_000_000_000
PROPAGATION = 600_000


def key(kid):
    return NewKey(kid, "RS256", {"kty": "RSA"}, "sealed")


@pytest.fixture
def ring():
    """Version 2: b active, c pending since NOW."""
    first = first_ring(key("a"), key("b"), now_ms=0, token_lifetime_ms=1)
    return promote(first, key("c"), now_ms=NOW, token_lifetime_ms=1)


def holder(name, version, *, expires_in=60_000):
    return ReplicaKeyVersion(name, version, NOW, NOW + expires_in)


def evidence(ring, held, after=1000):
    return propagation_status(ring, held, now_ms=NOW + after, propagation_ms=PROPAGATION)


def test_when_every_live_verifier_has_shown_the_key_that_is_proof(ring):
    found = evidence(ring, HeldSets((holder("m1", 2), holder("m2", 3))))
    assert found.evidence is PropagationEvidence.PROOF
    assert found.has_arrived


def test_the_verifiers_that_have_not_are_named(ring):
    found = evidence(ring, HeldSets((holder("m2", 1), holder("m1", 0), holder("m3", 2)), unnamed_ms=NOW))
    assert found.evidence is PropagationEvidence.REPLICAS
    assert found.waiting_for == ("m1", "m2")
    assert not found.has_arrived


def test_a_verifier_that_is_gone_is_not_waited_for(ring):
    held = HeldSets((holder("m1", 2), holder("m2", 1, expires_in=1000)))
    assert evidence(ring, held, after=999).waiting_for == ("m2",)
    assert evidence(ring, held, after=1000).evidence is PropagationEvidence.PROOF


def test_nobody_at_all_is_no_proof(ring):
    assert evidence(ring, HeldSets()).evidence is PropagationEvidence.UNSEEN


@pytest.mark.parametrize(
    ("last_seen", "expected"),
    [
        (NOW - PROPAGATION - 1, PropagationEvidence.PROOF),
        (NOW - PROPAGATION, PropagationEvidence.UNSEEN),
        (NOW, PropagationEvidence.UNSEEN),
        (NOW + 500, PropagationEvidence.UNSEEN),
        (None, PropagationEvidence.PROOF),
    ],
)
@pytest.mark.parametrize("kind", ["unnamed_ms", "overflow_ms"])
def test_who_may_rely_on_an_older_set_unseen_leaves_it_to_time(ring, kind, last_seen, expected):
    assert evidence(ring, HeldSets((holder("m1", 2),), **{kind: last_seen})).evidence is expected


@pytest.mark.parametrize(
    "held",
    [
        HeldSets(),
        HeldSets((holder("stranger", 0, expires_in=10**9),), unnamed_ms=NOW + PROPAGATION - 1),
        HeldSets(overflow_ms=NOW + PROPAGATION - 1),
    ],
)
def test_whatever_callers_say_time_decides_at_the_latest(ring, held):
    """Strangers that name themselves verifiers can make a rotation wait, but no longer than this."""
    assert not evidence(ring, held, after=PROPAGATION - 1).has_arrived
    found = evidence(ring, held, after=PROPAGATION)
    assert found.evidence is PropagationEvidence.TIME
    assert found.has_arrived


@pytest.mark.parametrize("unnamed", [None, NOW])
@pytest.mark.parametrize("version", [0, 1])
def test_one_more_caller_never_hurries_a_rotation(ring, unnamed, version):
    honest = (holder("m1", version),)
    for stranger in (holder("s", 99), holder("s", 0)):
        assert not evidence(ring, HeldSets((*honest, stranger), unnamed_ms=unnamed)).has_arrived
