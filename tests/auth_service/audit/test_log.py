"""The audit log on a real store."""

import asyncio
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from auth_service.audit.background_writer import CAPACITY
from auth_service.audit.events import MAX_VALUE_LENGTH, AuditEvent
from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditEntry, AuditRepository
from shared.errors import RedisUnavailable
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.store


class AwayThenBack:
    """Storage whose first appends fail, as when the store restarts."""

    def __init__(self, storage: Any, failures: int) -> None:
        self.storage = storage
        self.failures = failures

    async def append(self, entries):
        if self.failures:
            self.failures -= 1
            raise RedisUnavailable("away")
        await self.storage.append(entries)


async def entries_of(storage, **filters):
    return [entry async for entry in storage.read(**filters)]


async def test_events_are_kept_in_order_with_their_fields(store):
    registry = CollectorRegistry()
    storage = AuditRepository(store)
    log = AuditLog(storage, registry)
    await log.start(new_supervisor())
    log.record(AuditEvent.USER_SIGNED_IN, user="subject", address="192.0.2.1")
    log.record(AuditEvent.CONSENT_APPROVED, user="subject", client="client", count=2)
    await log.stop()
    kept = await entries_of(storage)
    assert [(e.event, e.fields) for e in kept] == [
        ("user.signed_in", {"user": "subject", "address": "192.0.2.1"}),
        ("consent.approved", {"user": "subject", "client": "client", "count": "2"}),
    ]
    assert registry.get_sample_value("sallyport_audit_events_total", {"event": "user.signed_in"}) == 1
    assert registry.get_sample_value("sallyport_audit_dropped_total") == 0


async def test_recording_without_a_store_neither_blocks_nor_raises_and_counts_what_is_lost():
    registry = CollectorRegistry()
    away: Any = AwayThenBack(None, failures=10**9)
    log = AuditLog(away, registry)
    await log.start(new_supervisor())
    for _ in range(CAPACITY + 10):
        log.record(AuditEvent.GRANT_REVOKED, user="subject")
    assert registry.get_sample_value("sallyport_audit_dropped_total") == 10
    await log.stop()
    assert registry.get_sample_value("sallyport_audit_dropped_total") == CAPACITY + 10


async def test_events_wait_for_a_store_that_is_away_and_are_written_when_it_is_back(store):
    storage = AuditRepository(store)
    away: Any = AwayThenBack(storage, failures=1)
    log = AuditLog(away, CollectorRegistry())
    await log.start(new_supervisor())
    log.record(AuditEvent.KEY_CREATED, kid="one")
    follower: Any = storage.follow(since_ms=0)
    first = await asyncio.wait_for(anext(follower), 10)
    await follower.aclose()
    await log.stop()
    assert first.fields == {"kid": "one"}


async def test_a_field_that_is_not_in_the_closed_set_is_left_out(store):
    storage = AuditRepository(store)
    log = AuditLog(storage, CollectorRegistry())
    log.record(AuditEvent.USER_SIGNED_IN, user="subject", password="violet kettle")  # type: ignore[call-arg]
    await log.stop()
    assert [e.fields for e in await entries_of(storage)] == [{"user": "subject"}]


async def test_an_untrusted_value_is_cut_and_made_printable(store):
    storage = AuditRepository(store)
    log = AuditLog(storage, CollectorRegistry())
    log.record(AuditEvent.CLIENT_REGISTERED, client_name="\x1b[31mred\n" + "x" * 1000)
    await log.stop()
    (entry,) = await entries_of(storage)
    assert entry.fields["client_name"].startswith("�[31mred�x")
    assert len(entry.fields["client_name"]) == MAX_VALUE_LENGTH


async def test_the_stream_is_bounded(store):
    storage = AuditRepository(store, max_events=100)
    for start in range(0, 2000, 100):
        await storage.append([AuditEntry(str(start + i), 0, "token.revoked", {}) for i in range(100)])
    kept = await entries_of(storage)
    assert kept[-1].id == "1999"
    # `MAXLEN ~` trims whole nodes of the stream: at most one node more than asked.
    assert 100 <= len(kept) <= 100 + 128


async def test_reading_goes_through_all_pages(store):
    storage = AuditRepository(store)
    for start in range(0, 1200, 100):
        await storage.append([AuditEntry(str(start + i), 0, "token.revoked", {}) for i in range(100)])
    assert [e.id for e in await entries_of(storage)] == [str(i) for i in range(1200)]


async def test_a_follower_sees_only_what_comes(store):
    storage = AuditRepository(store)
    await storage.append([AuditEntry("old", 0, "token.revoked", {})])
    follower: Any = storage.follow()
    waiting = asyncio.ensure_future(anext(follower))
    while "xread" not in str(await store.command_on_primaries("CLIENT", "LIST")):  # noqa: ASYNC110 - the event is in the server
        await asyncio.sleep(0)
    await storage.append([AuditEntry("new", 0, "token.revoked", {})])
    assert (await asyncio.wait_for(waiting, 10)).id == "new"
    await follower.aclose()
