"""Redis comes back with an old copy, while replicas of auth_service run or while none does, and a guard goes on.

Invariant 12: what was revoked stays revoked, and no grant made afterwards gets an entry whose bit a guard holds.
"""

import asyncio
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from prometheus_client import CollectorRegistry

from auth_service.authorization import interaction_repository
from auth_service.protocol.opaque import split_identifier
from auth_service.status_lists.identifiers import OPEN_LISTS, new_identifier_in
from auth_service.status_lists.published_lists import PublishedStatusLists
from auth_service.status_lists.repository import StatusListRepository
from devstack.backup import SNAPSHOT, place_snapshot, take_snapshot
from devstack.embedded_store import EmbeddedStore
from mcp_service.jwks.document import parse_jwks
from mcp_service.status_lists.cache import StatusListMetrics
from mcp_service.status_lists.discovery import FeedDiscovery
from mcp_service.status_lists.feed_cache import FeedCache
from mcp_service.status_lists.feed_fetcher import FeedFetcher
from mcp_service.status_lists.list_encoding import FEED_FORM
from mcp_service.status_lists.list_token import ListReader
from mcp_service.status_lists.policy import StatusPolicy
from shared.access_tokens.profile import StatusReference
from shared.errors import RedisUnavailable
from shared.jose.jws import InvalidToken
from shared.redis.single import SingleRedisClient
from tests.support import topologies
from tests.support.auth_server import ISSUER, PASSWORD, USERNAME
from tests.support.oauth import unverified_claims
from tests.support.supervisor import new_supervisor

pytestmark = pytest.mark.invariant(12)

WITHIN_SECONDS = 10.0


class RestorableRedis:
    """A server of its own, whose data can be replaced by an earlier snapshot of it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._server = EmbeddedStore(directory / "valkey", server=topologies.SERVER)
        self._server.__enter__()
        self.client = SingleRedisClient(self._server.url)

    def save(self) -> None:
        take_snapshot(self._server, self._directory / SNAPSHOT)

    def restore(self) -> None:
        self._server.stop()
        shutil.rmtree(self._directory / "valkey")
        place_snapshot(self._directory / SNAPSHOT, self._directory / "valkey")
        self._server.__enter__()

    async def close(self) -> None:
        await self.client.close()
        self._server.stop()


class StatusListFollower:
    """The cache of a guard that follows the lists of one running auth_service, and of its successors."""

    def __init__(self, server, keys: bytes) -> None:
        self._discovery = FeedDiscovery(issuer=ISSUER, configured="")
        self.follow(server)
        self._fetcher = FeedFetcher(self._discovery, response_seconds=5)
        held = parse_jwks(keys, algorithms=frozenset({"ES256"}))
        reader = ListReader(
            issuer=ISSUER, keys=_Keys(held), algorithms=frozenset({"ES256"}), form=FEED_FORM, clock=time.time
        )
        self._cache = FeedCache(
            fetcher=self._fetcher,
            reader=reader,
            policy=StatusPolicy(max_stale=1000, cooldown=0.2, strict=False),
            metrics=StatusListMetrics(CollectorRegistry()),
            log=structlog.get_logger(),
            clock=time.monotonic,
        )

    def follow(self, server) -> None:
        self._discovery._configured = str(server.server.make_url("/status-lists"))

    async def start(self):
        await self._cache.start(new_supervisor())
        return self

    async def stop(self) -> None:
        await self._cache.stop()
        await self._fetcher.close()

    async def accepts(self, tokens) -> bool:
        try:
            await self._cache.check(reference(tokens), lifetime=3600)
        except InvalidToken as exc:
            if exc.error_id != "revoked":
                raise
            return False
        return True


@dataclass
class _Keys:
    keys: dict[str, Any]

    def held(self, kid):
        return self.keys.get(kid)

    async def find(self, unverified_kid):
        raise InvalidToken("kid", "not in the set")


def reference(tokens) -> StatusReference:
    entry = unverified_claims(tokens["access_token"])["status"]["status_list"]
    return StatusReference(entry["uri"], entry["idx"])


def grant_of(tokens) -> str:
    grant_id: str = unverified_claims(tokens["access_token"])["gid"]
    return grant_id


def list_of(tokens) -> str:
    return split_identifier(grant_of(tokens))[0]


async def until(condition):
    async with asyncio.timeout(WITHIN_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is awaited happens in Redis
            await asyncio.sleep(0.02)


async def refuses(guard, *several):
    async def all_refused():
        return not any([await guard.accepts(tokens) for tokens in several])

    await until(all_refused)


@dataclass
class Story:
    """A grant that lives, one that ended after the backup, and one that was made and ended after it."""

    store: RestorableRedis
    auth: object
    client: object
    guard: StatusListFollower
    live: dict[str, Any]
    ended_since: dict[str, Any]
    made_since: dict[str, Any]


@pytest.fixture
async def story(start_auth, tmp_path):
    store = RestorableRedis(tmp_path)
    auth = await start_auth(on=store.client)
    await auth.users.add(USERNAME, PASSWORD, name="Ada", email="ada@example.org", email_verified=True)
    client = await auth.register(client_name="Desk")
    guard = await StatusListFollower(auth, (await auth.get("/.well-known/jwks.json")).text.encode()).start()
    live, ended_since = await auth.tokens(client), await auth.tokens(client)
    await asyncio.to_thread(store.save)
    made_since = await auth.tokens(client)
    for tokens in (ended_since, made_since):
        assert await guard.accepts(tokens)
        assert await auth.grants.end(grant_of(tokens), reason="by_hand")
    await refuses(guard, ended_since, made_since)
    yield Story(store, auth, client, guard, live, ended_since, made_since)
    await guard.stop()
    await store.close()


def give_the_entry_of(tokens, monkeypatch):
    """Let chance choose the entry that the guard holds as revoked, wherever it may."""
    wanted = list_of(tokens)

    def choose(lists):
        return new_identifier_in(wanted if wanted in lists._open else lists._open[0])

    monkeypatch.setattr(PublishedStatusLists, "new_identifier", choose)
    monkeypatch.setattr(interaction_repository, "candidate_entries", lambda: str(reference(tokens).entry))


async def answers(store):
    """Wait until the client of a replica has noticed that its connections are broken, and has new ones."""

    async def asked():
        try:
            return await store.command("PING")
        except RedisUnavailable:
            return False

    await until(asked)


async def revoked_in(story, tokens):
    async def is_revoked():
        (revoked,) = await StatusListRepository(story.store.client).revoked([list_of(tokens)])
        return reference(tokens).entry in revoked

    await until(is_revoked)


async def test_replicas_that_run_keep_what_they_published_and_write_it_back(story, start_auth):
    await asyncio.to_thread(story.store.restore)
    await answers(story.store.client)
    for tokens in (story.ended_since, story.made_since):
        await revoked_in(story, tokens)
    assert not await story.guard.accepts(story.ended_since)
    assert await story.guard.accepts(story.live)
    replica = await start_auth(on=story.store.client)
    later = await StatusListFollower(replica, (await replica.get("/.well-known/jwks.json")).text.encode()).start()
    try:
        await refuses(later, story.ended_since)
        assert await later.accepts(story.live)
    finally:
        await later.stop()


async def test_replicas_that_run_give_no_entry_whose_bit_a_guard_holds(story, monkeypatch):
    await asyncio.to_thread(story.store.restore)
    await answers(story.store.client)
    await revoked_in(story, story.made_since)
    give_the_entry_of(story.made_since, monkeypatch)
    tokens = await story.auth.tokens(story.client)
    assert list_of(tokens) == list_of(story.made_since)
    assert reference(tokens).entry != reference(story.made_since).entry
    assert await story.guard.accepts(tokens)


@pytest.mark.long
async def test_replicas_that_run_put_back_a_list_that_was_opened_after_the_backup(story):
    """An interaction that began in it may become a grant, whose tokens guards would refuse as of an unknown list."""
    repository = StatusListRepository(story.store.client)
    await repository.close(list_of(story.live), now_ms=int(time.time() * 1000))

    async def has_another():
        return len((await story.auth.get("/status-lists")).json["status_lists"]) == OPEN_LISTS + 1

    await until(has_another)
    since = (await story.auth.get("/status-lists")).json["status_lists"]
    await asyncio.to_thread(story.store.restore)
    await answers(story.store.client)

    async def has_all():
        return {uri.rpartition("/")[2] for uri in since} <= (await repository.registry()).keys()

    await until(has_all)


async def test_after_a_restore_without_replicas_new_lists_give_grants_that_a_running_guard_accepts(
    story, start_auth, monkeypatch
):
    await story.auth.stop()
    await asyncio.to_thread(story.store.restore)
    await answers(story.store.client)
    repository = StatusListRepository(story.store.client)
    assert await repository.renew(now_ms=int(time.time() * 1000)) == OPEN_LISTS
    auth = await start_auth(on=story.store.client)
    story.guard.follow(auth)
    give_the_entry_of(story.made_since, monkeypatch)
    tokens = await auth.tokens(story.client)
    assert reference(tokens).entry == reference(story.made_since).entry
    assert await story.guard.accepts(tokens)
    assert await story.guard.accepts(story.live)
    # The issuer publishes the old state under other tags, and the guard keeps the bits that it saw.
    assert not await story.guard.accepts(story.ended_since)


@pytest.mark.long
async def test_without_new_lists_such_a_grant_would_be_refused(story, start_auth, monkeypatch):
    """Why the restore opens new ones: an entry that was given after the backup is free in it."""
    await story.auth.stop()
    await asyncio.to_thread(story.store.restore)
    await answers(story.store.client)
    auth = await start_auth(on=story.store.client)
    story.guard.follow(auth)
    give_the_entry_of(story.made_since, monkeypatch)
    assert not await story.guard.accepts(await auth.tokens(story.client))
