"""A million grants: their status lists on the wire and in memory, requests to the issuer, and a refresh without lists.

The lists of a real auth_service are filled in Redis: entries in use and entries that are revoked, without the grants
that they belong to. BENCH_RECORDS sets another number than a million.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from auth_service.grants.repository import GrantRepository
from mcp_service.issuer.long_polling import WAIT_SECONDS
from mcp_service.jwks.document import parse_jwks
from mcp_service.status_lists.bitmaps import StatusBitmaps
from mcp_service.status_lists.feed import parse_feed
from mcp_service.status_lists.list_encoding import FEED_FORM
from mcp_service.status_lists.list_token import ListReader
from shared.access_tokens.verifier import TrustedKeys
from shared.jose.jws import InvalidToken
from shared.redis.single import SingleRedisClient
from tests.benchmarks.bench_issuer import answered_requests
from tests.benchmarks.bench_size import GRANTS, Service
from tests.benchmarks.callers import Callers
from tests.benchmarks.filled_lists import FilledLists
from tests.benchmarks.harness import UNLIMITED, in_turns, resident_megabytes
from tests.benchmarks.tool_calls import tool_call
from tests.e2e.pair import Pair
from tests.support.grant_material import open_grant
from tests.support.oauth import unverified_claims
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
FRACTIONS = (0.001, 0.01, 0.05)
RATES = (0.0, 0.1, 1.0, 10.0)
"""Revocations a second, of all grants together, while a guard is called without a pause."""
STRETCH_SECONDS = WAIT_SECONDS
BATCH = 100
ENDED_GRANTS = 500
ROUNDS, REFRESHES = 9, 100
ALGORITHMS: Final = frozenset({"RS256"})


async def run(report: Report) -> None:
    """Measure the lists, then the requests of a guard, then refreshes."""
    pair = Pair(own={**UNLIMITED, "AUTH_LOG_LEVEL": "warning", "MCP_LOG_LEVEL": "warning"})
    try:
        await pair.start()
        async with (
            PlainClient(pair) as client,
            user_agent(pair.username, pair.password) as user,
            _store_of(pair) as store,
        ):
            token = (await client.tokens(user))["access_token"]
            spared = unverified_claims(token)["status"]["status_list"]["idx"]
            memory = await _memory(store, pair)
            lists = await FilledLists.fill(store, RECORDS, spared=spared)
            for fraction in FRACTIONS:
                await _lists(report, client, lists, fraction)
            after = await _memory(store, pair)
            names = ("the store", "auth_service", "mcp_service")
            report.add(
                f"memory of the lists of {RECORDS:,} grants in the store, {100 * FRACTIONS[-1]:g} % of them revoked",
                after[0] - memory[0],
                unit="MB",
                detail=", ".join(
                    f"{name}: {now:.1f} MB after {then:.1f} MB"
                    for name, then, now in zip(names, memory, after, strict=True)
                ),
            )
            await _memory_of_a_guard(report, client)
            for rate in RATES:
                await _requests(report, pair, client, lists, token=token, rate=rate)
    finally:
        await pair.close()
    await _refreshes(report)
    await _scripts(report)


@asynccontextmanager
async def _store_of(pair: Pair) -> AsyncIterator[SingleRedisClient]:
    store = SingleRedisClient(f"{pair.store.url}?db=0", timeout_seconds=30)
    try:
        yield store
    finally:
        await store.close()


async def _memory(store: SingleRedisClient, pair: Pair) -> tuple[float, float, float]:
    used: int = (await store.command("INFO", "memory"))["used_memory"]
    return used / 1e6, resident_megabytes(pair.auth[0].pid), resident_megabytes(pair.mcp[0].pid)


async def _feed(client: PlainClient, known: str = "", wait: int = 0) -> bytes:
    """One answer of the feed, whole or of what changed."""
    headers = {"Prefer": f"wait={wait}"} if wait else {}
    url = f"{client.pair.issuer}/status-lists"
    async with client.http.get(url, params={"known": known}, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def _lists(report: Report, client: PlainClient, lists: FilledLists, fraction: float) -> None:
    """Bytes of the bodies of the feed."""
    tags, known = await lists.revoke_share(fraction), ""
    async with asyncio.timeout(30):
        while not all(tag in known for tag in tags):
            known = json.loads(await _feed(client, known=known, wait=WAIT_SECONDS))["known"]
    whole = await _feed(client)
    await lists.revoke_one()
    change = await _feed(client, known=known, wait=WAIT_SECONDS)
    changed = json.loads(change)["changed"]
    assert len(changed) == 1
    report.add(
        f"all lists of {RECORDS:,} grants on the wire, {100 * fraction:g} % of them revoked",
        len(whole) / 1000,
        unit="kB",
        detail=f"{len(json.loads(whole)['changed'])} lists, which a guard fetches when it starts",
    )
    report.add(
        "one change on the wire, likewise",
        len(change) / 1000,
        unit="kB",
        detail=f"{len(changed[0]) / 1000:.1f} kB are the list that has changed, the rest names all lists",
    )


class _Keys(TrustedKeys):
    """A key set that is trusted for as long as the benchmark runs."""

    def __init__(self, body: bytes) -> None:
        super().__init__(time.monotonic)
        self._keys = parse_jwks(body, algorithms=ALGORITHMS)
        self._trusted_until = float("inf")

    async def find(self, unverified_kid: str) -> Any:
        raise InvalidToken("kid", unverified_kid)


async def _memory_of_a_guard(report: Report, client: PlainClient) -> None:
    """Bytes that this process holds once it has read every list, and the most while it reads."""
    jwks = json.dumps(await client.get_json((await client.metadata())["jwks_uri"])).encode()
    issuer = client.pair.issuer
    reader = ListReader(issuer=issuer, keys=_Keys(jwks), algorithms=ALGORITHMS, form=FEED_FORM, clock=time.time)
    body = await _feed(client)
    held: dict[str, bytearray] = {}
    tracemalloc.start()
    began = time.perf_counter()
    try:
        lists = StatusBitmaps(held)
        feed = parse_feed(body, prefix=f"{issuer}/status-lists/")
        for unverified in feed.unverified_changed:
            lists.merge(await reader.read(unverified, addresses=feed.uris))
        took = time.perf_counter() - began
        now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    report.add(
        "memory of all lists in a guard, whatever is revoked",
        now / 1000,
        unit="kB",
        detail=f"{len(held)} lists; {(most + len(body)) / 1e6:.1f} MB while it reads them, for {took * 1000:.0f} ms",
    )


async def _requests(
    report: Report, pair: Pair, client: PlainClient, lists: FilledLists, *, token: str, rate: float
) -> None:
    """Count those that the issuer answers while one guard is called without a pause."""

    async def revoke() -> None:
        while rate:
            await asyncio.sleep(1 / rate)
            await lists.revoke_one()

    batch = [tool_call(token, "whoami", {})] * BATCH
    calls, before, began = 0, await answered_requests(client), time.monotonic()
    revoking = asyncio.create_task(revoke())
    async with Callers(pair.mcp[0].port, pair.mcp[0].pid) as callers:
        while time.monotonic() - began < STRETCH_SECONDS + 1:
            await callers.make(batch)
            calls += BATCH
    revoking.cancel()
    asked, seconds = await answered_requests(client) - before, time.monotonic() - began
    report.add(
        f"requests of a busy guard to the issuer per million calls, {60 * rate:g} revocations a minute",
        1e6 * asked / calls,
        unit="requests",
        at_most=200,
        detail=f"{asked} in {calls:,} calls and {seconds:.0f} s; "
        f"with 100 calls a second it would be {1e6 * asked / seconds / 100:,.0f}",
    )


async def _refreshes(report: Report) -> None:
    """The same refreshes by auth_service, and by one without status lists, in turns."""
    count = max(GRANTS, round(REFRESHES * report.seconds))
    async with Service() as subject, Service(module="tests.benchmarks.without_status_lists") as without:
        await subject.refresh(count)
        await without.refresh(count)
        cost = await in_turns(
            lambda: subject.processor_time(count), lambda: without.processor_time(count), rounds=ROUNDS
        )
        rest = await in_turns(
            lambda: subject.at_rest(report.seconds), lambda: without.at_rest(report.seconds), rounds=ROUNDS
        )
        sizes = len(subject.access_token), len(without.access_token)
    report.add(
        "a refresh, against one without status lists",
        cost.ratios,
        detail=f"{cost.subject * 1e6:.0f} against {cost.yardstick * 1e6:.0f} µs of both processes' time, "
        "the reading of all lists meanwhile included",
    )
    report.add("an access token, likewise", sizes[0] / sizes[1], detail=f"{sizes[0]} against {sizes[1]} bytes")
    report.add(
        "a core's time that auth_service and its store use at rest to read the lists",
        100 * (rest.subject - rest.yardstick),
        unit="%",
        detail=f"{100 * rest.subject:.1f} % against {100 * rest.yardstick:.1f} %",
    )


async def _scripts(report: Report) -> None:
    """The store's own time for the step that ends a grant and marks its entry."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own=UNLIMITED)
    try:
        pair.store.__enter__()
        async with _store_of(pair) as store:
            tokens = [await open_grant(store, code=f"code-{n}") for n in range(ENDED_GRANTS)]
            await store.command("CONFIG", "RESETSTAT")
            grants = GrantRepository(store)
            for token in tokens:
                assert await grants.end(token.grant_id, reason="ended_by_user")
            spent = (await store.command("INFO", "commandstats"))["cmdstat_evalsha"]
    finally:
        await pair.close()
    report.add(
        "the store's time for ending a grant and marking its entry",
        float(spent["usec_per_call"]),
        unit="µs",
        detail=f"{spent['calls']} grants, each in a list of its own",
    )
