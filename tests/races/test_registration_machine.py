"""A search for a sequence of registrations, uses, waits and ends that loses a client in use, or keeps a dead one.

The model is what interop.md A18 promises: a day until the first use, then 90 days from the last use, and a used client
leaves a tombstone. Two registrations take turns, so that one cannot disturb the other.
"""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import ClientRepository, StoredClient, Tombstone
from shared.redis.single import SingleRedisClient

pytestmark = pytest.mark.store

DAY = 86_400
IDS = ("own-one", "own-two")
# In the future of any clock, because the store expires keys by its own.
NOW = 4_000_000_000


@dataclass
class Expected:
    """The expected state of a client."""

    expires_at: int
    used: bool = False
    ended: bool = False


class RegistrationMachine(RuleBasedStateMachine):
    """Steps of clients and the operator, on a real store."""

    store_url = ""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = SingleRedisClient(self.store_url)
        self.clients = ClientRepository(self.store)
        self.now = NOW
        self.expected = {}

    def teardown(self):
        self.runner.run(self.store.close())
        self.runner.close()

    @initialize()
    def the_store_is_empty(self):
        self.runner.run(self.store.command("FLUSHDB"))

    def lives(self, client_id):
        expected = self.expected.get(client_id)
        return expected is not None and not expected.ended and expected.expires_at > self.now

    @rule(client_id=st.sampled_from(IDS))
    def a_client_registers(self, client_id):
        before = self.expected.get(client_id)
        created = self.runner.run(self.clients.add(self.record(client_id), now=self.now))
        in_store = before is not None and not before.ended
        assert created is not in_store
        if not in_store:
            self.expected[client_id] = Expected(self.now + DAY)
        elif not before.used:
            before.expires_at = self.now + DAY

    @rule(client_id=st.sampled_from(IDS), times=st.integers(1, 3))
    def a_client_is_used_at_once_by_several(self, client_id, times):
        expires_at = self.now + 90 * DAY

        async def at_once():
            uses = (self.clients.record_use(client_id, now=self.now, expires_at=expires_at) for _ in range(times))
            return await asyncio.gather(*uses)

        assert set(self.runner.run(at_once())) == {self.lives(client_id)}
        if self.lives(client_id):
            self.expected[client_id].used = True
            self.expected[client_id].expires_at = max(self.expected[client_id].expires_at, expires_at)

    @rule(client_id=st.sampled_from(IDS))
    def the_operator_ends_a_client(self, client_id):
        expected = self.expected.get(client_id)
        ended = self.runner.run(self.clients.end(client_id, now=self.now))
        assert ended is (expected is not None and not expected.ended)
        if ended and expected.used:
            expected.ended = True
        elif ended:
            del self.expected[client_id]

    @rule(days=st.sampled_from([0.5, 1, 2, 45, 89, 91]))
    def time_passes(self, days):
        self.now += int(days * DAY)

    @invariant()
    def every_client_is_what_was_promised(self):
        for client_id in IDS:
            found = self.runner.run(self.clients.find(client_id, now=self.now))
            if self.lives(client_id):
                assert isinstance(found, StoredClient), "a client in use is never lost"
                assert found.expires_at == self.expected[client_id].expires_at
            elif client_id in self.expected:
                assert isinstance(found, Tombstone)
            else:
                assert found is None

    def record(self, client_id):
        return StoredClient(
            client_id=client_id,
            kind=ClientKind.REGISTERED,
            metadata=ClientMetadata(
                redirect_uris=("https://client.example/cb",),
                grant_types=("authorization_code", "refresh_token"),
                authentication_method="none",
                client_name="Client",
            ),
            created_at=self.now,
            expires_at=self.now + DAY,
        )


def test_no_sequence_of_steps_loses_a_client_in_use_or_keeps_a_dead_one(embedded_store):
    RegistrationMachine.store_url = f"{embedded_store.url}?db=12"
    run_state_machine_as_test(
        RegistrationMachine,
        settings=settings(
            max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
