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
from tests.e2e.holder import replica_versions
from tests.e2e.pair import Pair
from tests.support import topologies
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

GRANTS = 24
PAUSE_SECONDS = 0.2
"""Between two refreshes of one grant: shorter than in practice, so that writes are under way when the primary dies."""
GIVE_UP_SECONDS = 60.0
OWN = {"AUTH_RATE_LIMITS": "off", "AUTH_MAX_GRANTS_PER_CLIENT": "100"}


WAYS = {
    "kill": (topologies.Node.kill, topologies.Node.start),
    "freeze": (topologies.Node.pause, topologies.Node.resume),
}
"""How a primary is lost, and how it comes back. A frozen one is like one behind a broken network: it may believe,
when it can be reached again, that it still is the primary."""


@dataclass
class Toll:
    """What a failover cost. Times are seconds since the primary was lost."""

    grants: int = 0
    struck: int = 0
    """Grants on the primary that was lost."""
    leaning: int = 0
    """Grants elsewhere whose client is registered there: its record is remembered for two seconds only."""
    first_fault: float | None = None
    first_success: float | None = None
    """Of a struck grant, asked for after the loss."""
    all_back: float | None = None
    put_off: int = 0
    """Refreshes of struck or leaning grants that were answered 503."""
    put_off_elsewhere: int = 0
    refreshes: int = 0
    lost_writes: int = 0
    """Rotations that a client was told of and the promoted replica did not know."""
    recovered: int = 0
    """Tokens newer than the store knew, and believed by their mark."""
    wrong: list[str] = field(default_factory=list)
    """Answers that no client may get: anything but 200 and 503."""
    doubled: int = 0
    """Tokens that gave two successors."""
    tool_calls: int = 0
    failed_tool_calls: int = 0

    def lines(self):
        """The figures, in words."""
        return [
            f"{self.refreshes} refreshes of {self.grants} grants in all",
            f"{self.struck} grants were on the primary that was lost, of {self.leaning} more only the client",
            f"first 503 after {self.first_fault or 0:.2f} s, first success after {self.first_success or 0:.2f} s",
            f"all grants back after {self.all_back or 0:.2f} s; half of the clients wait as Retry-After says",
            f"{self.put_off} refreshes of these grants put off with 503, {self.put_off_elsewhere} of others",
            f"{self.lost_writes} confirmed writes lost, {self.recovered} tokens believed by their mark",
            f"{len(self.wrong)} wrong answers, {self.doubled} double rotations",
            f"{self.tool_calls} tool calls meanwhile, {self.failed_tool_calls} failed",
        ]


class Failover:
    """Load on a pair, a kill in its middle, and the toll."""

    def __init__(self, pair, shards):
        self.toll = Toll()
        self._pair = pair
        self._shards = shards
        self._lost_at = float("inf")
        self._stop = asyncio.Event()
        self._back = {}
        self._leaning = set()
        self._last = {}

    async def play(self, *, how="kill", before_seconds=2.0, after_seconds=2.0):
        """Returns the toll. Raises TimeoutError if a grant does not come back."""
        lose, bring_back = WAYS[how]
        everyone = [(await replica_versions(self._pair, 1))[0] for _ in range(GRANTS)]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=20)) as http, asyncio.TaskGroup() as load:
            for number, holder in enumerate(everyone):
                load.create_task(self._refresh(http, number, holder))
            load.create_task(self._call_tools())
            try:
                await asyncio.sleep(before_seconds)
                primary = await self._lose_primary(everyone, lose)
                async with asyncio.timeout(GIVE_UP_SECONDS):
                    await asyncio.gather(*(event.wait() for event in self._back.values()))
                self.toll.all_back = max(self._last.values())
                await asyncio.sleep(after_seconds)
                # The lost one comes back, and becomes a replica; no client may notice.
                await asyncio.to_thread(bring_back, primary)
                await asyncio.to_thread(
                    topologies.wait_until, lambda: "role:slave" in (primary.ask("INFO", "replication") or "")
                )
                await asyncio.sleep(after_seconds)
            finally:
                self._stop.set()
        self.toll.doubled = sum(len(given) > 1 for holder in everyone for given in holder.seen.values())
        self.toll.recovered = await self._recovered()
        return self.toll

    async def _lose_primary(self, everyone, lose):
        """Lose the primary of most grants, and compare what clients know with what its replica knows."""
        (primary, replica), struck = shard_of_most(self._shards, everyone)
        clients_there = {h.client_id for h in everyone if _is_on(primary, client_key(h.client_id))}
        self._leaning = {h.grant_id for h in everyone if h.client_id in clients_there and h not in struck}
        self.toll.grants, self.toll.struck, self.toll.leaning = len(everyone), len(struck), len(self._leaning)
        self._back = {h.grant_id: asyncio.Event() for h in struck}
        self._lost_at = time.monotonic()
        lose(primary)
        # Answers that were on the way arrive, and nothing is promoted yet.
        await asyncio.sleep(0.3)
        known = await asyncio.to_thread(_generations, replica, [h.grant_id for h in struck])
        self.toll.lost_writes = sum(max(0, h.generation - known[h.grant_id]) for h in struck)
        return primary

    async def _refresh(self, http, number, holder):
        patient = number % 2 == 0
        while not self._stop.is_set():
            asked = time.monotonic()
            status, body = await holder.present(http, self._pair.auth[number % len(self._pair.auth)], holder.token)
            self._count(holder, status, body, after=asked > self._lost_at)
            if status == 200:
                holder.token = body["refresh_token"]
                await asyncio.sleep(PAUSE_SECONDS)
            else:
                await asyncio.sleep(holder.wait if patient else 0.02)

    def _count(self, holder, status, body, *, after):
        since = time.monotonic() - self._lost_at
        struck = holder.grant_id in self._back
        if status == 200:
            self.toll.refreshes += 1
            if struck and after and not self._back[holder.grant_id].is_set():
                self._last[holder.grant_id] = since
                self._back[holder.grant_id].set()
                self.toll.first_success = min(since, self.toll.first_success or since)
        elif status == 503 and (struck or holder.grant_id in self._leaning):
            self.toll.put_off += 1
            self.toll.first_fault = min(since, self.toll.first_fault or since)
        elif status == 503:
            self.toll.put_off_elsewhere += 1
        else:
            self.toll.wrong.append(f"{since:.2f} s after the loss: {status} {body}")

    async def _call_tools(self):
        """mcp_service verifies offline: it answers whether the store of auth_service is there or not."""
        async with PlainClient(self._pair) as client, user_agent(self._pair.username, self._pair.password) as user:
            token = (await client.tokens(user))["access_token"]
            while not self._stop.is_set():
                status, _headers, _answer = await client.call_tool(token)
                if time.monotonic() > self._lost_at and self.toll.all_back is None:
                    self.toll.tool_calls += 1
                    self.toll.failed_tool_calls += status != 200
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


def shard_of_most(shards, everyone):
    """The primary that has most of the grants, with its replica, and who holds these grants."""
    homes = {shard: [h for h in everyone if _is_on(shard[0], grant_key(h.grant_id))] for shard in shards}
    return max(homes.items(), key=lambda item: len(item[1]))


def _is_on(node, key):
    return node.ask("EXISTS", key) == "1"


def _generations(replica, grant_ids):
    """What a replica knows of the grants, whatever the topology."""
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
        [w for w in WAYS if w in named] or WAYS,
    ):
        with topologies.WITH_REPLICAS[name]() as (url, shards):
            pair = Pair(auth=2, own={**OWN, "AUTH_REDIS_URL": url})
            try:
                await pair.start()
                toll = await Failover(pair, shards).play(how=how)
            finally:
                await pair.close()
        print(f"{name}, {how}:", *toll.lines(), sep="\n  ", flush=True)
        for wrong in toll.wrong[:10]:
            print(f"  wrong: {wrong}")


if __name__ == "__main__":
    asyncio.run(main())
