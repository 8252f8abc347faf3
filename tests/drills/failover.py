"""`make drill-failover`: a primary of the store is killed, or frozen, under load, and what that cost is printed.

On processes of its own: three primaries with a replica each as a cluster, then a primary with a replica and three
Sentinels; two of auth_service and one of mcp_service on each. Nothing that runs elsewhere is touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
import sys
import time
from dataclasses import dataclass, field

import aiohttp
import redis

from auth_service.clients.registration_budget import client_key
from auth_service.grants.record import read_record
from auth_service.grants.repository import grant_key
from tests.e2e.pair import Pair
from tests.e2e.refresh_token_families import refresh_token_families
from tests.support import topologies
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

GRANTS = 24
PAUSE_SECONDS = 0.2
"""Between two refreshes of one grant: shorter than in practice, so that writes are under way when the primary dies."""
GIVE_UP_SECONDS = 60.0
OWN = {"AUTH_RATE_LIMITS": "off", "AUTH_MAX_GRANTS_PER_CLIENT": "100"}


LOSSES = {
    "kill": (topologies.Node.kill, topologies.Node.start),
    "freeze": (topologies.Node.pause, topologies.Node.resume),
}
"""How a primary is lost, and how it comes back. A frozen one is like one behind a broken network: it may act as
the primary when it can be reached again."""


@dataclass
class FailoverReport:
    """The figures of one failover. Times are seconds since the primary was lost."""

    grants: int = 0
    affected: int = 0
    """Grants on the primary that was lost."""
    client_affected: int = 0
    """Grants elsewhere whose client is registered there: its record is cached for two seconds only."""
    first_fault: float | None = None
    first_success: float | None = None
    """Of an affected grant, requested after the loss."""
    all_back: float | None = None
    unavailable: int = 0
    """Refreshes of both kinds of grants that were answered 503."""
    unavailable_elsewhere: int = 0
    refreshes: int = 0
    lost_writes: int = 0
    """Rotations that a client was told of and the promoted replica did not know."""
    recovered: int = 0
    """Tokens newer than the store knew, accepted by their MAC."""
    wrong_answers: list[str] = field(default_factory=list)
    """Answers that no client may get: anything but 200 and 503."""
    double_rotations: int = 0
    """Tokens with two successors."""
    tool_calls: int = 0
    failed_tool_calls: int = 0

    def lines(self):
        """The figures as lines of text."""
        return [
            f"{self.refreshes} refreshes of {self.grants} grants in all",
            f"{self.affected} grants were on the primary that was lost, of {self.client_affected} more only the client",
            f"first 503 after {self.first_fault or 0:.2f} s, first success after {self.first_success or 0:.2f} s",
            f"all grants back after {self.all_back or 0:.2f} s; half of the clients wait as Retry-After says",
            f"{self.unavailable} refreshes of these grants answered 503, {self.unavailable_elsewhere} of others",
            f"{self.lost_writes} confirmed writes lost, {self.recovered} tokens accepted by their MAC",
            f"{len(self.wrong_answers)} wrong answers, {self.double_rotations} double rotations",
            f"{self.tool_calls} tool calls meanwhile, {self.failed_tool_calls} failed",
        ]


class Failover:
    """Load on a pair, the loss of a primary in its middle, and the report."""

    def __init__(self, pair, shards):
        self.report = FailoverReport()
        self._pair = pair
        self._shards = shards
        self._lost_at = float("inf")
        self._stop = asyncio.Event()
        self._back = {}
        self._client_affected = set()
        self._last = {}

    async def play(self, *, how="kill", before_seconds=2.0, after_seconds=2.0):
        """Returns the report. Raises TimeoutError if a grant does not come back."""
        lose, bring_back = LOSSES[how]
        families = [(await refresh_token_families(self._pair, 1))[0] for _ in range(GRANTS)]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http, asyncio.TaskGroup() as load:
            for number, family in enumerate(families):
                load.create_task(self._refresh(http, number, family))
            load.create_task(self._call_tools())
            try:
                await asyncio.sleep(before_seconds)
                primary = await self._lose_primary(families, lose)
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await asyncio.gather(*(event.wait() for event in self._back.values()))
                self.report.all_back = max(self._last.values())
                await asyncio.sleep(after_seconds)
                # The lost one comes back, and becomes a replica; no client may notice.
                await asyncio.to_thread(bring_back, primary)
                await asyncio.to_thread(
                    topologies.wait_until, lambda: "role:slave" in (primary.ask("INFO", "replication") or "")
                )
                await asyncio.sleep(after_seconds)
            finally:
                self._stop.set()
        successors = [given for family in families for given in family.successors.values()]
        self.report.double_rotations = sum(len(given) > 1 for given in successors)
        self.report.recovered = await self._recovered()
        return self.report

    async def _lose_primary(self, families, lose):
        """Lose the primary of most grants, and compare what clients know with what its replica knows."""
        (primary, replica), affected = shard_of_most(self._shards, families)
        clients_there = {family.client_id for family in families if _is_on(primary, client_key(family.client_id))}
        elsewhere = [family for family in families if family not in affected]
        self._client_affected = {family.grant_id for family in elsewhere if family.client_id in clients_there}
        self.report.grants, self.report.affected = len(families), len(affected)
        self.report.client_affected = len(self._client_affected)
        self._back = {family.grant_id: asyncio.Event() for family in affected}
        self._lost_at = time.monotonic()
        lose(primary)
        # Answers that were on the way arrive, and nothing is promoted yet.
        await asyncio.sleep(0.3)
        known = await asyncio.to_thread(_generations, replica, [family.grant_id for family in affected])
        self.report.lost_writes = sum(max(0, family.generation - known[family.grant_id]) for family in affected)
        return primary

    async def _refresh(self, http, number, family):
        patient = number % 2 == 0
        while not self._stop.is_set():
            asked = time.monotonic()
            status, body = await family.present(http, self._pair.auth[number % len(self._pair.auth)], family.token)
            self._count(family, status, body, after=asked > self._lost_at)
            if status == 200:
                family.token = body["refresh_token"]
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await asyncio.sleep(family.wait if patient else 0.02)

    def _count(self, family, status, body, *, after):
        since = time.monotonic() - self._lost_at
        affected = family.grant_id in self._back
        if status == 200:
            self.report.refreshes += 1
            if affected and after and not self._back[family.grant_id].is_set():
                self._last[family.grant_id] = since
                self._back[family.grant_id].set()
                self.report.first_success = min(since, self.report.first_success or since)
        elif status == 503 and (affected or family.grant_id in self._client_affected):
            self.report.unavailable += 1
            self.report.first_fault = min(since, self.report.first_fault or since)
        elif status == 503:
            self.report.unavailable_elsewhere += 1
        else:
            self.report.wrong_answers.append(f"{since:.2f} s after the loss: {status} {body}")

    async def _call_tools(self):
        """mcp_service verifies offline: it answers whether the store of auth_service is there or not."""
        async with PlainClient(self._pair) as client, user_agent(self._pair.username, self._pair.password) as user:
            token = (await client.tokens(user))["access_token"]
            while not self._stop.is_set():
                status, _headers, _answer = await client.call_tool(token)
                if time.monotonic() > self._lost_at and self.report.all_back is None:
                    self.report.tool_calls += 1
                    self.report.failed_tool_calls += status != 200
                await asyncio.sleep(0.05)

    async def _recovered(self):
        total = 0.0
        async with aiohttp.ClientSession() as http:
            for auth in self._pair.auth:
                async with http.get(f"http://127.0.0.1:{auth.port}/metrics") as response:
                    found = re.findall(
                        r'^sallyport_refresh_token_requests_total\{outcome="recovered"\} (\S+)$',
                        await response.text(),
                        re.MULTILINE,
                    )
                total += sum(map(float, found))
        return int(total)


def shard_of_most(shards, families):
    """The primary that has most of the grants, with its replica, and the families of these grants."""
    homes = {shard: [family for family in families if _is_on(shard[0], grant_key(family.grant_id))] for shard in shards}
    return max(homes.items(), key=lambda item: len(item[1]))


def _is_on(node, key):
    return node.ask("EXISTS", key) == "1"


def _generations(replica, grant_ids):
    """The generation of each grant at a replica, in any topology; 0 where it has no record."""
    with redis.Redis(port=replica.port, decode_responses=True, single_connection_client=True) as connection:
        with contextlib.suppress(redis.ResponseError):
            connection.execute_command("READONLY")
        records = {g: connection.get(grant_key(g)) for g in grant_ids}
    return {g: read_record(g, record).generation if record else 0 for g, record in records.items()}


async def main() -> None:
    """Play everything, or what the command line names: cluster, sentinel; kill, freeze."""
    named = set(sys.argv[1:])
    for name, how in itertools.product(
        [t for t in topologies.WITH_REPLICAS if t in named] or topologies.WITH_REPLICAS,
        [loss for loss in LOSSES if loss in named] or LOSSES,
    ):
        with topologies.WITH_REPLICAS[name]() as (url, shards):
            pair = Pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url})
            try:
                await pair.start()
                report = await Failover(pair, shards).play(how=how)
            finally:
                await pair.close()
        print(f"{name}, {how}:", *report.lines(), sep="\n  ", flush=True)
        for answer in report.wrong_answers[:10]:
            print(f"  wrong: {answer}")


if __name__ == "__main__":
    asyncio.run(main())
