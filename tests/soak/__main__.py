"""`make soak`: attacks from many networks beside honest clients and owners, on a pair of services as processes.

One row per kind. Nothing is judged: a row reports, and a kind that fails costs its row.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
import traceback
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import redis

from devstack.service_process import REPOSITORY
from tests.e2e.pair import Pair
from tests.soak.attack import RATES
from tests.soak.figures import HEAD, Attack, Growth, Honest, p99, row
from tests.soak.honest import HonestTraffic, add_owner, browser
from tests.soak.kinds import requests_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SECONDS = 120
AT_ONCE = 50
WITHIN_SECONDS = 12
OWN = {
    "AUTH_TRUSTED_PROXIES": "127.0.0.1,::1",
    "MCP_TRUSTED_PROXIES": "127.0.0.1,::1",
    # The hosts of the slow documents are on this machine.
    "AUTH_CIMD_LOOPBACK": "true",
}
SIMULTANEOUS = "simultaneous"
KINDS = (*RATES, SIMULTANEOUS)


@asynccontextmanager
async def pair_with_honest_traffic() -> AsyncIterator[tuple[Pair, HonestTraffic]]:
    """A pair of its own for each kind, so that no kind meets what another has left."""
    pair = Pair(own=OWN)
    try:
        await pair.start()
        async with HonestTraffic(pair) as traffic:
            yield pair, traffic
    finally:
        await pair.close()


def resident(pair: Pair) -> list[int]:
    """The resident memory of both services."""
    texts = [Path(f"/proc/{service.pid}/status").read_text() for service in (pair.auth[0], pair.mcp[0])]
    return [int(text.partition("VmRSS:")[2].split()[0]) * 1024 for text in texts]


def stored(pair: Pair) -> int:
    """The memory of the store."""
    with redis.Redis.from_url(f"{pair.store.url}?db=0") as store:
        return int(store.info("memory")["used_memory"])


async def quiet_phase(traffic: HonestTraffic, seconds: float) -> Honest:
    """Figures of honest traffic without an attack."""
    traffic.met = Honest()
    await asyncio.sleep(max(8.0, seconds / 4))
    met, traffic.met = traffic.met, Honest()
    return met


async def attack(kind: str, pair: Pair, seconds: float) -> Attack:
    """Run the attacker until its time is over."""
    orders = {
        "kind": kind,
        "seconds": seconds,
        "ports": {"auth": pair.auth[0].port, "mcp": pair.mcp[0].port},
        "requests": await requests_of(kind, pair),
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.soak.attack"),
        cwd=REPOSITORY,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds + 60):
            told, _ = await process.communicate(json.dumps(orders).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise RuntimeError(f"the attacker ended with status {process.returncode}")
    return Attack(seconds, {int(answer): count for answer, count in json.loads(told).items()})


async def soak(kind: str, seconds: float) -> None:
    """One kind: its row, and the first failures."""
    async with pair_with_honest_traffic() as (pair, traffic):
        quiet = await quiet_phase(traffic, seconds)
        before, stored_before = resident(pair), stored(pair)
        done = await attack(kind, pair, seconds)
        met, traffic.met = traffic.met, Honest()
        auth, mcp = ((now, now - earlier) for now, earlier in zip(resident(pair), before, strict=True))
        growth = Growth(auth, mcp, stored(pair) - stored_before)
    print(row(kind, done, quiet, met, growth), flush=True)
    for failure in met.failures():
        print(f"    {failure}", file=sys.stderr, flush=True)


async def simultaneous(seconds: float) -> None:
    """Fifty users, each in a new browser on a network of their own, send their passwords at the same moment."""
    async with pair_with_honest_traffic() as (pair, traffic), AsyncExitStack() as stack:
        names = [f"user-{number}" for number in range(AT_ONCE)]
        for name in names:
            await add_owner(pair, name)
        quiet = await quiet_phase(traffic, seconds)
        users = [
            await stack.enter_async_context(browser(name, f"198.{20 + number}.1.1"))
            for number, name in enumerate(names)
        ]
        pages = [await user.arrive(traffic.authorization_url) for user in users]
        traffic.met = Honest()
        began = time.monotonic()
        ended: list[float] = []

        async def sign_in(number: int) -> None:
            answer = await users[number].sign_in(pages[number])
            if answer.status == 303:
                ended.append(time.monotonic() - began)

        await asyncio.gather(*(sign_in(number) for number in range(AT_ONCE)), return_exceptions=True)
        met, traffic.met = traffic.met, Honest()
    within = sum(1 for one in ended if one <= WITHIN_SECONDS)
    others = [
        f"{name}: {len(during.failed)} of {during.total} failed, p99 {p99(before.seconds):.0f} ms before,"
        f" {p99(during.seconds):.0f} ms meanwhile"
        for name, before, during in (
            ("calls", quiet.calls, met.calls),
            ("refreshes", quiet.refreshes, met.refreshes),
        )
    ]
    print(
        f"\n{AT_ONCE} users sign in at once: {within} are in within {WITHIN_SECONDS} s, {len(ended)} in all, the last"
        f" after {max(ended, default=0):.1f} s. {'; '.join(others)}.",
        flush=True,
    )


def main() -> int:
    """Choose the kinds, run them, print the table. Status 1 if a kind has no row."""
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(KINDS)}; all without one")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"of attack per kind ({SECONDS})")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(KINDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print(HEAD, flush=True)
    failed = False
    for kind in chosen.kinds or KINDS:
        try:
            asyncio.run(simultaneous(chosen.seconds) if kind == SIMULTANEOUS else soak(kind, chosen.seconds))
        except Exception:  # noqa: BLE001 - the other kinds still have their rows
            failed = True
            print(f"| {kind} | failed |", flush=True)
            traceback.print_exc()
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
