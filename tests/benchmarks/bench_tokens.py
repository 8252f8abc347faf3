"""Tokens issued by refresh on one core, against the raw RSA signatures of that core.

The service is a real process with a real store. What it spends is read from its own processor time, so that the load
generator and the store, which run beside it, don't count: a token per so many seconds of one saturated core.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tests.benchmarks.harness import UNLIMITED, processor_seconds
from tests.e2e.pair import Pair
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import Callable

    from devstack.service_process import ServiceProcess
    from tests.benchmarks.harness import Report

GRANTS = 32
"""So many that the core never waits for a client."""
ROUNDS = 5


def raw_signature() -> Callable[[], bytes]:
    """One RS256 signature by a key of the size that the service uses."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return lambda: key.sign(b"x" * 400, padding.PKCS1v15(), SHA256())


def processor_seconds_per_call(work: Callable[[], object], *, seconds: float) -> float:
    """The processor time of one call in this process."""
    count = 0
    began = time.process_time()
    while time.process_time() - began < seconds:
        work()
        count += 1
    return (time.process_time() - began) / count


class Refreshing:
    """Clients that each refresh their own grant, one request after the other."""

    def __init__(self, client: PlainClient, token_endpoint: str, tokens: list[str]) -> None:
        self._client, self._endpoint, self._tokens = client, token_endpoint, tokens
        self.issued = 0

    async def go_on(self, seconds: float) -> None:
        """Refresh for about so many seconds."""
        deadline = time.monotonic() + seconds
        await asyncio.gather(*(self._one(number, deadline) for number in range(len(self._tokens))))

    async def _one(self, number: int, deadline: float) -> None:
        while time.monotonic() < deadline:
            form = {
                "grant_type": "refresh_token",
                "refresh_token": self._tokens[number],
                "client_id": self._client.client_id,
            }
            async with self._client.http.post(self._endpoint, data=form) as response:
                answer = await response.json()
                assert response.status == 200, answer
            self._tokens[number] = answer["refresh_token"]
            self.issued += 1


async def run(report: Report) -> None:
    """Measure the service alone; mcp_service is not needed for it."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own={**UNLIMITED, "AUTH_LOG_LEVEL": "warning"})
    try:
        await pair.start()
        async with PlainClient(pair) as client, user_agent(pair.username, pair.password) as user:
            tokens = [(await client.tokens(user))["refresh_token"] for _ in range(GRANTS)]
            refreshing = Refreshing(client, (await client.metadata())["token_endpoint"], tokens)
            await refreshing.go_on(report.seconds / 2)
            await measure(report, pair.auth[0], refreshing)
    finally:
        await pair.close()


async def measure(report: Report, service: ServiceProcess, refreshing: Refreshing) -> None:
    """Take both sides in turns and report the medians."""
    sign = raw_signature()
    per_token, per_signature = [], []
    for _ in range(ROUNDS):
        spent, issued = processor_seconds(service.pid), refreshing.issued
        await refreshing.go_on(report.seconds)
        per_token.append((processor_seconds(service.pid) - spent) / (refreshing.issued - issued))
        per_signature.append(processor_seconds_per_call(sign, seconds=report.seconds / 4))
    token, signature = sorted(per_token)[ROUNDS // 2], sorted(per_signature)[ROUNDS // 2]
    report.add(
        "tokens issued by refresh on one core, against its raw RSA signatures",
        signature / token,
        at_least=0.65,
        detail=f"{1 / token:,.0f} against {1 / signature:,.0f} per second of processor time",
    )
