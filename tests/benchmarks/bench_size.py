"""A million registrations and grants: bytes per record, and refreshes against those among a thousand, in turns.

One real registration and one real grant are made through the service; the rest are copies that the store makes of
their records, each with a key, a user and index entries of its own. BENCH_RECORDS sets another number: a million
of each takes about three gigabytes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final, Self

from auth_service.grants.repository import grant_key
from shared.redis.client import Script
from shared.redis.single import SingleRedisClient
from tests.benchmarks.harness import UNLIMITED, in_turns, processor_seconds
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.benchmarks.harness import Report

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
FEW = 1000
ROUNDS, REFRESHES = 9, 100
GRANTS = 8
_STEP = 5000

COPY_GRANTS: Final = Script(
    "copy_grants",
    """
for i = ARGV[2], ARGV[3] do
  local id = string.format('%022d', i)
  redis.call('COPY', KEYS[1], 'sp:{aaaaaaaa}:grant:' .. id)
  redis.call('ZADD', 'sp:{user' .. id .. '}:grants', ARGV[1], id)
  redis.call('EXPIREAT', 'sp:{user' .. id .. '}:grants', ARGV[1])
end
""",
)
COPY_CLIENTS: Final = Script(
    "copy_clients",
    """
for i = ARGV[2], ARGV[3] do
  local id = string.format('own-%024d', i)
  redis.call('COPY', KEYS[1], 'sp:{client:' .. id .. '}')
  redis.call('ZADD', 'sp:{registrations}:by_expiry', ARGV[1], id)
end
""",
)


class Service:
    """A pair with some number of records, and the grants that are refreshed among them. An async context manager."""

    def __init__(self, *, module: str = "auth_service", own: Mapping[str, str] | None = None) -> None:
        """`module` is run in place of auth_service, `own` are further settings."""
        settings = {**UNLIMITED, "AUTH_LOG_LEVEL": "warning", **(own or {})}
        self._pair = Pair(mcp=0, resource="http://localhost:9/mcp", own=settings)
        (auth,) = self._pair.auth
        self._pair.auth = [self._pair._process(module, 0, self._pair.auth_environment, auth.port)]
        self._next = 0
        self.access_token = ""
        """The one that was issued last."""

    async def __aenter__(self) -> Self:
        pair = self._pair
        async with AsyncExitStack() as stack:
            stack.push_async_callback(pair.close)
            await pair.start()
            self.store = SingleRedisClient(f"{pair.store.url}?db=0", timeout_seconds=30)
            stack.push_async_callback(self.store.close)
            client = await stack.enter_async_context(PlainClient(pair))
            user = await stack.enter_async_context(user_agent(pair.username, pair.password))
            self._tokens = [(await client.tokens(user))["refresh_token"] for _ in range(GRANTS)]
            self._url = (await client.metadata())["token_endpoint"]
            self._client = client
            self.grants = [grant_key(token.split(".")[0]) for token in self._tokens]
            self.grant = self.grants[0]
            self.registration = f"sp:{{client:{client.client_id}}}"
            self._stack = stack.pop_all()
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._stack.aclose()

    async def refresh(self, count: int) -> list[float]:
        """One after the other; the seconds that each took."""
        took = []
        for _ in range(count):
            number = self._next = (self._next + 1) % GRANTS
            form = {
                "grant_type": "refresh_token",
                "client_id": self._client.client_id,
                "refresh_token": self._tokens[number],
            }
            started = time.perf_counter()
            async with self._client.http.post(self._url, data=form) as response:
                body = await response.json()
            took.append(time.perf_counter() - started)
            assert response.status == 200, body
            self._tokens[number], self.access_token = body["refresh_token"], body["access_token"]
        return took

    async def processor_time(self, count: int) -> float:
        """Of the service and its store together, for one refresh."""
        before = self._used()
        await self.refresh(count)
        return (self._used() - before) / count

    async def at_rest(self, seconds: float) -> float:
        """The share of a core that the service and its store use together without requests."""
        before = self._used()
        await asyncio.sleep(seconds)
        return (self._used() - before) / seconds

    def _used(self) -> float:
        return sum(processor_seconds(pid) for pid in (self._pair.auth[0].pid, self._pair.store.pid))

    async def latency(self, count: int) -> float:
        """The median."""
        return statistics.median(await self.refresh(count))


async def run(report: Report) -> None:
    """Two stores, one with few records and one with many; refreshes among them, in turns."""
    count = max(10, round(REFRESHES * report.seconds))
    async with Service() as among_few, Service() as among_many:
        per_fresh = await _fill(among_few.store, COPY_GRANTS, among_few.grant, 1, FEW)
        await _fill(among_few.store, COPY_CLIENTS, among_few.registration, 1, FEW)
        await among_few.refresh(count)
        await among_many.refresh(count)
        per_grant = await _fill(among_many.store, COPY_GRANTS, among_many.grant, 1, RECORDS)
        per_client = await _fill(among_many.store, COPY_CLIENTS, among_many.registration, 1, RECORDS)
        cost = await in_turns(
            lambda: among_few.processor_time(count), lambda: among_many.processor_time(count), rounds=ROUNDS
        )
        latency = await in_turns(lambda: among_many.latency(count), lambda: among_few.latency(count), rounds=ROUNDS)
    report.add("a new grant in the store, with its index entries", per_fresh, unit="bytes")
    report.add(f"a grant refreshed {count // GRANTS} times within a minute, likewise", per_grant, unit="bytes")
    report.add("a registration in the store, with its index entry", per_client, unit="bytes")
    report.add(
        f"refreshes among {RECORDS:,} grants and registrations, against among {FEW:,}",
        cost.ratios,
        at_least=0.9,
        detail=f"{1 / cost.yardstick:,.0f} against {1 / cost.subject:,.0f} a second of both processes' time",
    )
    report.add(
        "their median latency, likewise",
        latency.ratios,
        at_most=1.1,
        detail=f"{latency.subject * 1000:.2f} against {latency.yardstick * 1000:.2f} ms",
    )


async def _fill(store: SingleRedisClient, script: Script, template: str, first: int, last: int) -> float:
    """Copy the template under the numbers from first to last; the bytes that each took."""
    expires_at = int(time.time()) + 30 * 86_400
    await store.command("CONFIG", "SET", "appendonly", "no")
    before = (await store.command("INFO", "memory"))["used_memory"]
    for start in range(first, last + 1, _STEP):
        await store.run(script, [template], [expires_at, start, min(start + _STEP - 1, last)])
    after = (await store.command("INFO", "memory"))["used_memory"]
    return float(after - before) / (last - first + 1)
