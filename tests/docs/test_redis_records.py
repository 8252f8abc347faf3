"""What the services write has the types and lifetimes of the table of Redis keys in docs/architecture.md."""

import re
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial

import pytest

from auth_service.app import build_app
from auth_service.clients.authenticator import JtiReplayStore
from auth_service.clients.cimd.repository import CimdCopy, CimdRepository
from auth_service.clients.client import ClientKind
from auth_service.clients.client_assertion import SingleUse
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.registration_budget import RegistrationBudget, RegistrationSource
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.federation.external.used_tokens_repository import UsedTokensRepository
from auth_service.keys.propagation_tracker import PropagationTracker
from auth_service.keys.repository import ReplicaVersionRepository
from auth_service.rate_limits.repository import RateLimitRepository
from auth_service.sessions.repository import SessionRepository
from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.users.repository import UserRepository
from mcp_service.notes.redis_repository import RedisNoteRepository
from shared.rates import Rate
from shared.redis.client import RedisClient
from tests.support.auth_server import PASSWORD, USERNAME, AuthServer, Code, settings
from tests.support.fake_provider import Upstreams, come_back, press, state_in
from tests.support.redis_key_table import key_rows

UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
DURATION = re.compile(r"(\d+) (second|minute|hour|day)")
SETTINGS = settings()
HOUR = 3600
"""From now, where the caller of a repository says how long a record is of use."""

MOMENTS = {
    "the code expires": SETTINGS.authorization_code_ttl,
    "the grant expires": SETTINGS.refresh_token_ttl,
    "absolute expiry of the latest grant": SETTINGS.refresh_token_absolute_ttl,
    "end of the interaction": SETTINGS.interaction_ttl,
    "`expires_at`": SETTINGS.registration_ttl,
    "twice the publish lead time, 4 minutes at least": max(2 * SETTINGS.key_publish_lead_seconds, 4 * 60),
    "the allowance is full": HOUR,
    "it could no longer be accepted": HOUR,
    "it would be too old": HOUR,
}
"""How far away is what the table names; settings have their defaults."""

TYPES = {"bitmap": "string", "sorted set": "zset"}
"""As Redis calls them, where that is another word."""

NOT_STORED = {"channel"}
SLOWEST = 30
"""Seconds between a write and the look at it, at most."""


def seconds_in(phrase):
    """How long after a write a key lives that has this phrase in the table; None without an end."""
    if re.search(r"\bnone\b", phrase):
        return None
    text = re.sub(r"`AUTH_(\w+)`(?: \([^)]+\))?", lambda name: f"{getattr(SETTINGS, name[1].lower())} seconds", phrase)
    for moment, away in MOMENTS.items():
        text = text.replace(moment, f"{away} seconds")
    durations = DURATION.findall(text)
    assert durations, f"no time in {phrase!r}"
    return sum(int(number) * UNITS[unit] for number, unit in durations)


def stated(row):
    """The lifetimes in a row: one, or one for each state of the record. After `none` stands what ends it instead."""
    return [None] if row.ttl.startswith("none") else [seconds_in(phrase) for phrase in row.ttl.split(";")]


def is_left_of(left, lifetime):
    """Whether so much may be left of a lifetime that began a moment ago."""
    return left is lifetime or (None not in {left, lifetime} and lifetime - SLOWEST <= left <= lifetime + 1)


@dataclass
class Records:
    """The types and the remaining seconds of all keys, by row of the table, as looked at in the course of a flow."""

    store: RedisClient
    types: dict[str, set[str]] = field(default_factory=dict)
    left: dict[str, set[float | None]] = field(default_factory=dict)

    async def look(self):
        async for keys in self.store.scan("*"):
            for key in keys:
                pattern = self._pattern_of(key)
                self.types.setdefault(pattern, set()).add(await self.store.command("TYPE", key))
                milliseconds = await self.store.command("PTTL", key)
                self.left.setdefault(pattern, set()).add(None if milliseconds < 0 else milliseconds / 1000)

    @staticmethod
    def _pattern_of(key):
        """The row of a key; the key itself if the table has none for it."""
        for row in key_rows():
            if re.fullmatch(re.escape(row.pattern).replace(r"\*", "[^{}:]+"), key):
                return row.pattern
        return key


def registration(client_id, kind=ClientKind.REGISTERED):
    metadata = ClientMetadata(("https://client.example/cb",), ("authorization_code",), "none")
    now = int(time.time())
    return StoredClient(client_id, kind, metadata, created_at=now, expires_at=now + 86_400)


async def sign_in_and_end(server, look):
    """A client from its registration to its end: wrong password, consent, code, tokens, revocation."""
    await server.users.add(USERNAME, PASSWORD)
    client = await server.register()
    await look()
    user = server.user_agent()
    url, verifier = server.authorization(client)
    page = await user.sign_in(await user.arrive(url), password="wrong")
    await look()
    page = await user.follow(await user.sign_in(page))
    code = Code(await user.decide(page), verifier, client)
    await look()
    tokens = (await server.redeem(code)).json
    await look()
    await server.revoke(client, tokens["refresh_token"])
    await ClientRepository(server.store).end(client.client_id, now=int(time.time()))
    await look()


async def sign_in_at_providers(server, look):
    """An account made by an identity, and a response that the browser posts."""
    client = await server.register()
    user = server.user_agent()
    page = await user.arrive(server.authorize_url(client))
    state = state_in(await press(user, page, "acme"))
    await look()
    await come_back(user, "acme", state=state, code="a-code")
    other = server.user_agent()
    page = await other.arrive(server.authorize_url(client))
    state = state_in(await press(other, page, "initech"))
    await server.post("/sign-in/callback/initech", {"state": state, "code": "a-code"})
    await look()


async def write_the_rest(store, look):
    """What needs other networks, clocks or clients than those of a test, by the repositories."""
    clients, attempts = ClientRepository(store), SignInAttemptRepository(store)
    await clients.add(registration("added", ClientKind.PRE_REGISTERED), now=int(time.time()))
    shared = RegistrationSource("160.79.104.10/32", "160.79.104.0/24", "shared")
    await clients.add(registration("of-many"), now=int(time.time()), source=shared)
    small = RegistrationBudget(store, budget_bytes=2)
    for client_id in ("evicted", "another"):
        source = RegistrationSource("198.51.100.7/32", "198.51.100.0/24")
        now = int(time.time())
        await small.reserve(client_id, source, record_bytes=1, expires_at=now + 86_400, now=now)
    unknown = await attempts.read(USERNAME, network="a network", browser_hash="a browser")
    await attempts.succeeded(unknown)
    await attempts.count(await attempts.read(USERNAME, network="a network", browser_hash="a browser"))
    await JtiReplayStore(store).consume("client", SingleUse("jti", int(time.time()) + HOUR))
    await UsedTokensRepository(store).consume(b"header.payload", lifetime_seconds=HOUR)
    await CimdRepository(store).keep("https://client.example/c.json", CimdCopy("{}", age_seconds=0, fresh_seconds=60))
    await RateLimitRepository(store).hit("token", "192.0.2.1", Rate(requests=1, seconds=HOUR, burst=1))
    versions = ReplicaVersionRepository(store)
    tracker = PropagationTracker(versions, publish_lead_ms=SETTINGS.key_publish_lead_seconds * 1000)
    tracker.record_version("a-replica", 1)
    await tracker.flush()
    await RedisNoteRepository(store).add("subject", "a note")
    users = UserRepository(store)
    (subject,) = [user.subject async for user in users.all() if user.username == USERNAME]
    await users.suspend(subject, now=int(time.time()))
    await SessionRepository(store, lifetime_seconds=SETTINGS.session_ttl).end_all(subject, now=time.time())
    await look()


@pytest.fixture
async def records(store):
    """All that the services write, in an empty store."""
    records, upstreams = Records(store), Upstreams("acme", "initech", form_post=("initech",))
    build = partial(build_app, build_provider=upstreams.build)
    chosen = settings(IDENTITY_PROVIDERS=upstreams.setting, RATE_LIMITS="off")
    async with AsyncExitStack() as running:
        server = await running.enter_async_context(AuthServer(build, store, chosen, time.time))
        await sign_in_and_end(server, records.look)
        await sign_in_at_providers(server, records.look)
        await server.get("/userinfo")  # an error, for the log of errors
    await write_the_rest(store, records.look)
    return records


async def test_records_have_the_types_and_lifetimes_of_the_table(records):
    stored = [row for row in key_rows() if row.type not in NOT_STORED]
    assert records.types == {row.pattern: {TYPES.get(row.type, row.type)} for row in stored}
    for row in stored:
        seen, lifetimes = records.left[row.pattern], stated(row)
        assert all(any(is_left_of(left, lifetime) for lifetime in lifetimes) for left in seen), (row.key, seen)
        assert all(any(is_left_of(left, lifetime) for left in seen) for lifetime in lifetimes), (row.key, seen)


def test_the_defaults_of_settings_are_those_of_the_table():
    told = [(name, length) for row in key_rows() for name, length in re.findall(r"`AUTH_(\w+)` \(([^)]+)\)", row.ttl)]
    assert told
    for name, length in told:
        assert getattr(SETTINGS, name.lower()) == seconds_in(length), name
