"""A million registrations and a million grants: bytes per record, and refreshes against those among a thousand.

One real registration and one real grant are made through the service; the rest are copies that the store makes of
their records, each with a key, a person and index entries of its own. BENCH_RECORDS sets another number: a million
of each takes about three gigabytes.
"""

from __future__ import annotations

import os
import statistics
import time
from typing import TYPE_CHECKING, Final

from shared.store import Script, SingleStore
from tests.e2e.pair import Pair
from tests.e2e.person import Person
from tests.e2e.plain_client import PlainClient

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report

RECORDS = int(os.environ.get("BENCH_RECORDS", "1000000"))
FEW = 1000
ROUNDS = 5
GRANTS = 8
_STEP = 5000

COPY_GRANTS: Final = Script(
    "copy_grants",
    """
for i = ARGV[2], ARGV[3] do
  local id = string.format('%022d', i)
  redis.call('COPY', KEYS[1], 'sp:{' .. id .. '}:grant')
  redis.call('ZADD', 'sp:{person' .. id .. '}:grants', ARGV[1], id)
  redis.call('EXPIREAT', 'sp:{person' .. id .. '}:grants', ARGV[1])
end
""",
)
COPY_CLIENTS: Final = Script(
    "copy_clients",
    """
for i = ARGV[2], ARGV[3] do
  local id = string.format('own-%024d', i)
  redis.call('COPY', KEYS[1], 'sp:{client:' .. id .. '}')
  redis.call('ZADD', 'sp:clients:registered', ARGV[1], id)
end
""",
)


async def run(report: Report) -> None:
    """Measure among a thousand records, fill up, measure again."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own={"AUTH_RATE_LIMITS": "off", "AUTH_LOG_LEVEL": "warning"})
    try:
        await pair.start()
        store = SingleStore(f"{pair.store.url}?db=0", timeout_seconds=30)
        # The copies are not worth the disk: only what is measured afterwards runs as it would in production.
        async with PlainClient(pair) as client, Person(pair.username, pair.password) as person:
            tokens = [(await client.tokens(person))["refresh_token"] for _ in range(GRANTS)]
            grant = f"sp:{{{tokens[0].split('.')[0]}}}:grant"
            registration = f"sp:{{client:{client.client_id}}}"
            per_fresh = await _fill(store, COPY_GRANTS, grant, 1, FEW)
            await _fill(store, COPY_CLIENTS, registration, 1, FEW)
            few = await _rates(client, tokens, report)
            per_grant = await _fill(store, COPY_GRANTS, grant, FEW + 1, RECORDS)
            per_client = await _fill(store, COPY_CLIENTS, registration, FEW + 1, RECORDS)
            many = await _rates(client, tokens, report)
        report.add("a new grant in the store, with its index entries", per_fresh, unit="bytes")
        report.add("a grant that was refreshed often, likewise", per_grant, unit="bytes")
        report.add("a registration in the store, with its index entry", per_client, unit="bytes")
        report.add(
            f"refreshes among {RECORDS:,} grants and registrations, against among {FEW:,}",
            many[0] / few[0],
            at_least=0.9,
            detail=f"{many[0]:,.0f} against {few[0]:,.0f} per second",
        )
        report.add(
            "their median latency, likewise",
            many[1] / few[1],
            at_most=1.1,
            detail=f"{many[1] * 1000:.2f} against {few[1] * 1000:.2f} ms",
        )
        await store.close()
    finally:
        await pair.close()


async def _fill(store: SingleStore, script: Script, template: str, first: int, last: int) -> float:
    """Copy the template under the numbers from first to last; the bytes that each took."""
    expires_at = int(time.time()) + 30 * 86_400
    await store.command("CONFIG", "SET", "appendonly", "no")
    before = (await store.command("INFO", "memory"))["used_memory"]
    for start in range(first, last + 1, _STEP):
        await store.run(script, [template], [expires_at, start, min(start + _STEP - 1, last)])
    after = (await store.command("INFO", "memory"))["used_memory"]
    return (after - before) / (last - first + 1)


async def _rates(client: PlainClient, tokens: list[str], report: Report) -> tuple[float, float]:
    """Refreshes a second, one after the other, and their median latency in seconds; the median of some rounds."""
    url = (await client.metadata())["token_endpoint"]
    rates, latencies = [], []
    for _ in range(ROUNDS):
        took: list[float] = []
        while sum(took) < report.seconds:
            number = len(took) % len(tokens)
            form = {"grant_type": "refresh_token", "client_id": client.client_id, "refresh_token": tokens[number]}
            started = time.perf_counter()
            async with client.http.post(url, data=form) as response:
                body = await response.json()
            took.append(time.perf_counter() - started)
            assert response.status == 200, body
            tokens[number] = body["refresh_token"]
        rates.append(len(took) / sum(took))
        latencies.append(statistics.median(took))
    return statistics.median(rates), statistics.median(latencies)
