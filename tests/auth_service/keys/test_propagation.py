"""When a pending key may sign: proof from those that are seen, time for those that are not."""

import pytest

from auth_service.keys.lifecycle import NewKey, initial_ring, promote
from auth_service.keys.propagation import PropagationEvidence, ReplicaKeyVersion, ReportedVersions, propagation_status

pytestmark = pytest.mark.invariant(5)

NOW = 1_800_000_000_000
PUBLISH_LEAD = 600_000


def key(kid):
    return NewKey(kid, "RS256", {"kty": "RSA"}, "encrypted")


@pytest.fixture
def ring():
    """Version 2: b active, c pending since NOW."""
    first = initial_ring(key("a"), key("b"), now_ms=0, token_lifetime_ms=1)
    return promote(first, key("c"), now_ms=NOW, token_lifetime_ms=1)


def reported(name, version, *, expires_in=60_000):
    return ReplicaKeyVersion(name, version, NOW, NOW + expires_in)


def evidence(ring, reports, after=1000):
    return propagation_status(ring, reports, now_ms=NOW + after, publish_lead_ms=PUBLISH_LEAD)


def test_when_every_live_verifier_has_shown_the_key_that_is_proof(ring):
    found = evidence(ring, ReportedVersions((reported("m1", 2), reported("m2", 3))))
    assert found.evidence is PropagationEvidence.PROOF
    assert found.is_propagated


def test_the_verifiers_that_have_not_are_named(ring):
    found = evidence(
        ring, ReportedVersions((reported("m2", 1), reported("m1", 0), reported("m3", 2)), unidentified_ms=NOW)
    )
    assert found.evidence is PropagationEvidence.LAGGING
    assert found.lagging == ("m1", "m2")
    assert not found.is_propagated


def test_a_verifier_that_is_gone_is_not_waited_for(ring):
    reports = ReportedVersions((reported("m1", 2), reported("m2", 1, expires_in=1000)))
    assert evidence(ring, reports, after=999).lagging == ("m2",)
    assert evidence(ring, reports, after=1000).evidence is PropagationEvidence.PROOF


def test_no_report_at_all_is_no_proof(ring):
    assert evidence(ring, ReportedVersions()).evidence is PropagationEvidence.UNIDENTIFIED


@pytest.mark.parametrize(
    ("last_seen", "expected"),
    [
        (NOW - PUBLISH_LEAD - 1, PropagationEvidence.PROOF),
        (NOW - PUBLISH_LEAD, PropagationEvidence.UNIDENTIFIED),
        (NOW, PropagationEvidence.UNIDENTIFIED),
        (NOW + 500, PropagationEvidence.UNIDENTIFIED),
        (None, PropagationEvidence.PROOF),
    ],
)
@pytest.mark.parametrize("kind", ["unidentified_ms", "overflow_ms"])
def test_an_unidentified_client_that_may_have_an_older_set_leaves_it_to_time(ring, kind, last_seen, expected):
    assert evidence(ring, ReportedVersions((reported("m1", 2),), **{kind: last_seen})).evidence is expected


@pytest.mark.parametrize(
    "reports",
    [
        ReportedVersions(),
        ReportedVersions((reported("stranger", 0, expires_in=10**9),), unidentified_ms=NOW + PUBLISH_LEAD - 1),
        ReportedVersions(overflow_ms=NOW + PUBLISH_LEAD - 1),
    ],
)
def test_whatever_callers_say_time_decides_at_the_latest(ring, reports):
    """Clients that claim to be verifiers can make a rotation wait, but no longer than this."""
    assert not evidence(ring, reports, after=PUBLISH_LEAD - 1).is_propagated
    found = evidence(ring, reports, after=PUBLISH_LEAD)
    assert found.evidence is PropagationEvidence.TIME
    assert found.is_propagated


@pytest.mark.parametrize("unnamed", [None, NOW])
@pytest.mark.parametrize("version", [0, 1])
def test_one_more_caller_never_hurries_a_rotation(ring, unnamed, version):
    honest = (reported("m1", version),)
    for claimed in (reported("s", 99), reported("s", 0)):
        assert not evidence(ring, ReportedVersions((*honest, claimed), unidentified_ms=unnamed)).is_propagated
