"""A search for a sequence of refreshes, lost answers, replays and waits that breaks a grant.

One owner, with the newest token that arrived, and one attacker with a copy of an earlier token. The
machine compares the outcomes with the documented rules, not with the code of the store.
"""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from auth_service.grants.grant import GrantStatus
from auth_service.grants.repository import GrantRepository
from auth_service.protocol.opaque import split_identifier
from auth_service.status_lists.repository import StatusListRepository
from shared.redis.single import SingleRedisClient
from tests.support.grant_material import DAY, NOW, REUSE_INTERVAL, allowed, open_grant, present

pytestmark = [pytest.mark.store, pytest.mark.invariant(3, 6, 12)]

ISSUES = {"rotated", "repeated", "recovered"}


class GrantMachine(RuleBasedStateMachine):
    """Steps of owner and attacker on one grant, on a real store."""

    store_url = ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = SingleRedisClient(self.store_url)
        self.grants = GrantRepository(self.store)
        self.now = NOW
        self.successors = {}
        self.attacker_acted = self.lost_after_grace = False
        self.stolen = None
        self.scopes = allowed("notes:read", "notes:write", read_at=NOW + DAY)
        self.is_narrowed = False
        self.entries = set()

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()

    @initialize()
    def a_grant_is_opened(self):
        self.runner.run(self.store.command("FLUSHDB"))
        self.owner = self.runner.run(open_grant(self.store, scopes=("notes:read", "notes:write")))
        self.newest = self.owner

    def ask(self, token):
        presented = self.runner.run(present(self.grants, token, now=self.now, scopes=self.scopes))
        if presented.outcome in ISSUES:
            self.entries.add(presented.rotation.entry)
            assert presented.token is not None
            if presented.token.generation == token.generation + 1:
                self.successors.setdefault(token, set()).add(presented.token)
            if presented.token.generation > self.newest.generation:
                self.newest = presented.token
        return presented

    @rule()
    def the_owner_refreshes(self):
        presented = self.ask(self.owner)
        if not self.attacker_acted and not self.lost_after_grace:
            assert presented.outcome in ISSUES, presented.rotation.reason
        if presented.token is not None:
            self.owner = presented.token

    @rule(times=st.integers(1, 4))
    def several_processes_of_the_owner_refresh_at_once(self, times):
        async def at_once():
            return await asyncio.gather(
                *(present(self.grants, self.owner, now=self.now, scopes=self.scopes) for _ in range(times))
            )

        answers = self.runner.run(at_once())
        if not self.attacker_acted and not self.lost_after_grace:
            assert {a.outcome for a in answers} <= ISSUES
            assert len({a.token for a in answers}) == 1
        self.entries |= {a.rotation.entry for a in answers if a.outcome in ISSUES}
        if answers[0].token is not None:
            self.owner = answers[0].token
            if self.owner.generation > self.newest.generation:
                self.newest = self.owner

    @precondition(lambda self: self.owner == self.newest)
    @rule()
    def an_answer_to_the_owner_is_lost(self):
        """The owner keeps the old token, and will present it again."""
        self.ask(self.owner)

    @rule(seconds=st.sampled_from([1, REUSE_INTERVAL - 1, REUSE_INTERVAL + 1, 3600]))
    def time_passes(self, seconds):
        self.now += seconds
        if self.owner != self.newest and seconds > 1:
            # Believed late for a few generations only; whether it still is does not matter to what is promised here.
            self.lost_after_grace = True

    @precondition(lambda self: not self.is_narrowed)
    @rule()
    def a_scope_is_removed_from_the_configuration(self):
        self.scopes, self.is_narrowed = allowed("notes:read", read_at=NOW + DAY), True

    @precondition(lambda self: self.stolen is None)
    @rule()
    def an_attacker_copies_the_token(self):
        self.stolen = self.owner

    @precondition(lambda self: self.stolen is not None)
    @rule()
    def the_attacker_presents_the_copy(self):
        spent_long_ago = self.newest.generation - self.stolen.generation >= 2
        self.now += REUSE_INTERVAL + 1
        self.attacker_acted = True
        presented = self.ask(self.stolen)
        if spent_long_ago:
            assert presented.outcome not in ISSUES, "a token two generations old, beyond the grace, is never believed"
            status = self.runner.run(self.grants.find(self.stolen.grant_id)).status
            assert status is GrantStatus.ENDED, "a replay ends the whole grant"
        if presented.token is not None:
            self.stolen = presented.token

    @invariant()
    def no_token_ever_has_two_successors(self):
        assert all(len(found) == 1 for found in self.successors.values())

    @invariant()
    def every_token_but_those_of_the_live_grant_as_it_is_names_a_revoked_entry(self):
        grant = self.runner.run(self.grants.find(self.owner.grant_id))
        [revoked] = self.runner.run(
            StatusListRepository(self.store).revoked([split_identifier(self.owner.grant_id)[0]])
        )
        current = {grant.entry} if grant.status is GrantStatus.LIVE else set()
        assert revoked >= self.entries - current
        assert revoked.isdisjoint(current)
        if "notes:write" not in grant.scopes:
            assert self.is_narrowed


def test_no_sequence_of_steps_breaks_a_grant(embedded_store):
    GrantMachine.store_url = f"{embedded_store.url}?db=13"
    run_state_machine_as_test(
        GrantMachine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
