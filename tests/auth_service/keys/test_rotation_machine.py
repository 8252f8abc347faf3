"""A search for an interleaving that breaks invariant 5.

Replicas of auth_service with copies of the ring of different age sign tokens; verifiers with sets of different age,
seen and unseen, check them; keys rotate on every path, change their algorithm, are withdrawn and cleared away; the
replicas' clocks disagree.
"""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from auth_service.keys import lifecycle
from auth_service.keys.lifecycle import MAX_UNCONFIRMED_MS, NewKey, initial_ring
from auth_service.keys.propagation import ReplicaKeyVersion, ReportedVersions, propagation_status

pytestmark = pytest.mark.invariant(5)

LIFETIME = 3_600_000
MAX_AGE = 300_000
PUBLISH_LEAD = 2 * MAX_AGE
SKEW = 20_000
REPLICAS = 2
STEPS = st.sampled_from([1, 1000, MAX_UNCONFIRMED_MS, MAX_AGE - 1, PUBLISH_LEAD])


class Keys(RuleBasedStateMachine):
    @initialize(
        skews=st.lists(st.sampled_from([0, SKEW]), min_size=REPLICAS, max_size=REPLICAS),
        seen=st.integers(1, 2),
        unseen=st.integers(0, 1),
    )
    def begin(self, skews, seen, unseen):
        self.now, self.count = 1_800_000_000_000, 0
        self.skews = skews
        self.stored = initial_ring(self.new(), self.new(), now_ms=self.now, token_lifetime_ms=LIFETIME)
        self.copies = [(self.stored, self.now)] * REPLICAS
        self.sets = {f"seen{n}": self.stored for n in range(seen)}
        self.unseen = [(self.stored, self.now) for _ in range(unseen)]
        self.notes = {name: ReplicaKeyVersion(name, 1, self.now, self.now + PUBLISH_LEAD) for name in self.sets}
        self.unidentified_ms = self.now if unseen else None
        self.tokens = []
        self.revoked = set()
        self.promoted_by_force = set()
        self.previous = self.stored

    def new(self, algorithm="RS256"):
        self.count += 1
        return NewKey(f"k{self.count}", algorithm, {"kty": "RSA"}, "encrypted")

    def clock(self, replica):
        return self.now + self.skews[replica]

    @rule(by=STEPS)
    def time_passes(self, by):
        self.pass_until(self.now + by)

    @precondition(lambda self: self.stored.retiring)
    @rule(replica=st.integers(0, REPLICAS - 1))
    def a_key_is_cleared_away_as_early_as_may_be(self, replica):
        self.pass_until(lifecycle.next_removal_ms(self.stored) - self.skews[replica])
        self.stored = lifecycle.prune(self.stored, now_ms=self.clock(replica)) or self.stored

    def pass_until(self, moment):
        self.now = max(self.now, moment)
        # A verifier that cannot be seen asks again when its copy is as old as max-age says; it need not do so sooner.
        for n, (_held, at) in enumerate(self.unseen):
            if self.now - at >= MAX_AGE:
                self.fetch_unseen(n)

    @precondition(lambda self: self.unseen)
    @rule()
    def a_verifier_that_is_not_seen_asks(self):
        self.fetch_unseen(0)

    def fetch_unseen(self, n):
        self.unseen[n] = (self.stored, self.now)
        self.unidentified_ms = self.now

    @rule(n=st.integers(0, 1))
    def a_seen_verifier_asks(self, n):
        """It shows what it holds, and then gets the newest set."""
        name = f"seen{n % len(self.sets)}"
        self.notes[name] = ReplicaKeyVersion(name, self.sets[name].version, self.now, self.now + PUBLISH_LEAD)
        self.sets[name] = self.stored

    @rule()
    def all_seen_verifiers_show_the_newest_set(self):
        for _ in range(2):
            for n in range(len(self.sets)):
                self.a_seen_verifier_asks(n)

    @rule(replica=st.integers(0, REPLICAS - 1))
    def a_replica_refreshes(self, replica):
        self.copies[replica] = (self.stored, self.now)

    @rule(replica=st.integers(0, REPLICAS - 1), refreshed=st.booleans())
    def a_replica_signs(self, replica, refreshed):
        if refreshed:
            self.a_replica_refreshes(replica)
        copy, confirmed = self.copies[replica]
        if self.now - confirmed > MAX_UNCONFIRMED_MS:
            return
        self.tokens.append((copy.active.kid, self.clock(replica) + LIFETIME))
        # Every verifier, seen or not, holds the key now: unless it was let sign without waiting.
        if copy.active.kid in self.revoked or copy.active.kid in self.promoted_by_force:
            return
        replica_versions = [*self.sets.items(), *((f"unseen{n}", ring) for n, (ring, _at) in enumerate(self.unseen))]
        for name, ring in replica_versions:
            kids = {key.kid for key in ring.keys}
            # A verifier that has not asked for very long is not there: its note has ended.
            gone = name in self.notes and self.notes[name].expires_ms <= self.now
            assert gone or copy.active.kid in kids, f"{name} does not hold {copy.active.kid}"

    @rule(replica=st.integers(0, REPLICAS - 1), how=st.sampled_from(["wait", "wait", "force", "other algorithm"]))
    def a_replica_rotates(self, replica, how):
        """As the rotator does: decide on the stored ring, and write by compare-and-set."""
        ring, now = self.stored, self.clock(replica)
        if how == "other algorithm":
            self.stored = lifecycle.replace_pending(ring, self.new("ES256"), now_ms=now, token_lifetime_ms=LIFETIME)
            return
        reports = ReportedVersions(tuple(self.notes.values()), unidentified_ms=self.unidentified_ms)
        if not propagation_status(ring, reports, now_ms=now, publish_lead_ms=PUBLISH_LEAD).is_propagated:
            if how != "force":
                return
            self.promoted_by_force.add(ring.pending.kid)
        self.stored = lifecycle.promote(ring, self.new(), now_ms=now, token_lifetime_ms=LIFETIME)

    @precondition(lambda self: len(self.stored.keys) > 2)
    @rule(data=st.data())
    def a_key_is_withdrawn(self, data):
        kid = data.draw(st.sampled_from([key.kid for key in self.stored.keys]))
        self.revoked.add(kid)
        if kid == self.stored.active.kid:
            self.promoted_by_force.add(self.stored.pending.kid)
        self.stored = lifecycle.revoke(self.stored, kid, self.new(), now_ms=self.now, token_lifetime_ms=LIFETIME)

    @invariant()
    def every_token_that_is_good_has_its_key_published(self):
        if not hasattr(self, "tokens"):
            return
        published = {key.kid for key in self.stored.keys}
        for kid, expires_ms in self.tokens:
            assert kid in published or kid in self.revoked or expires_ms <= self.now, f"{kid} left too early"

    @invariant()
    def a_key_signs_only_after_it_was_published(self):
        if not hasattr(self, "previous"):
            return
        if self.stored.active.kid != self.previous.active.kid:
            assert self.stored.active.kid == self.previous.pending.kid
        assert self.stored.version >= self.previous.version
        self.previous = self.stored


Keys.TestCase.settings = settings(
    max_examples=200, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_no_interleaving_breaks_invariant_5 = Keys.TestCase
