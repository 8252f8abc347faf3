"""Generated bad input for every endpoint of both services, as real processes, over loopback.

`make fuzz` sends 100,000 requests; the ordinary run of the tests sends some. Whatever is sent: no 5xx, no hang, no
answer that holds a private reason, and both services are well afterwards.
"""

import ast
import asyncio
import os
import time
from collections import Counter
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.fuzz.good_requests import good_requests
from tests.fuzz.raw_http import exchange
from tests.fuzz.requests import mutate

pytestmark = pytest.mark.invariant(9)

REQUESTS = int(os.environ.get("FUZZ_REQUESTS", "1500"))
SEED = int(os.environ.get("FUZZ_SEED", "1"))
AT_ONCE = 24
PER_ROUND = 4000
"""After so many, codes and tokens are spent: the next round begins with fresh ones."""
HANG_SECONDS = 20
REPOSITORY = Path(__file__).parents[2]


@dataclass
class Findings:
    """Statuses, problems and errors of all answers."""

    statuses: Counter[Any] = field(default_factory=Counter)
    problems: list[Any] = field(default_factory=list)
    errors: dict[str, str] = field(default_factory=dict)
    """Answers by request_id: head and body, to be held against the reasons in the logs."""


async def test_no_input_crashes_or_hangs_a_service_or_leaks_internals(make_pair):
    pair = await make_pair(own={"AUTH_RATE_LIMITS": "off", "AUTH_CIMD_ENABLED": "false"})
    findings, random = Findings(), Random(SEED)
    left = REQUESTS
    while left > 0:
        count = min(left, PER_ROUND)
        await send_round(pair, random, count, findings)
        left -= count
    logged = [line for service in (*pair.auth, *pair.mcp) for line in pair.log(service)]
    print(f"\n{REQUESTS} requests, seed {SEED}: {dict(sorted(findings.statuses.items()))}")
    unexpected = [line for line in logged if line.get("event") == "unexpected" or line.get("error_id") == "unexpected"]
    for problem in [*findings.problems[:5], *unexpected[:6]]:
        print(problem)
    assert not findings.problems
    assert not unexpected
    for leak in leaks(findings.errors, logged)[:5]:
        print(leak)
    assert not leaks(findings.errors, logged)
    assert len(findings.errors) > REQUESTS // 10, "most of what is sent must be refused"
    assert {200, 303, 400, 401, 404} <= set(findings.statuses)


async def send_round(pair, random, count, findings):
    """Send so many requests that are good but for up to three mutations."""
    good = await good_requests(pair)
    ports = {"auth": pair.auth[0].port, "mcp": pair.mcp[0].port}
    remaining = iter(range(count))

    async def sender():
        for _ in remaining:
            sent = random.choice(good)
            for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
                sent = mutate(random, sent)
            await send(ports[sent.service], sent, findings)

    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))


async def send(port, sent, findings):
    data, started = sent.as_bytes(), time.monotonic()
    try:
        received = await asyncio.wait_for(exchange(port, data), 1 if sent.malformed else HANG_SECONDS)
    except TimeoutError:
        if not sent.malformed:
            findings.problems.append(("no answer", round(time.monotonic() - started), data[:1500]))
        return
    findings.statuses[received.status] += 1
    if received.status >= 500 or (received.status == 0 and not sent.malformed):
        findings.problems.append((received.status, data[:1500], received.body[:500]))
    if "\nx-injected" in received.head.lower():  # percent-encoded in a Location it is no header
        findings.problems.append(("a header was injected", data[:1500]))
    request_id = received.header("X-Request-Id")
    if request_id and received.status >= 300:
        findings.errors[request_id] = received.head + received.body.decode("utf-8", "replace")


def leaks(errors, logged):
    """Answers that hold the private reason of their own log line."""
    public = public_texts()
    found = []
    for line in logged:
        reason, answer = str(line.get("reason", "")), errors.get(line.get("request_id"))
        if answer is not None and len(reason) > 8 and reason not in public and reason in answer:
            found.append((line, answer[:600]))
    return found


def public_texts():
    """Texts that the code itself declares public."""
    texts = {status.phrase for status in HTTPStatus} | {"Request Entity Too Large"}
    for package in ("auth_service", "mcp_service", "shared"):
        for path in (REPOSITORY / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.keyword) and node.arg == "public" and isinstance(node.value, ast.Constant):
                    texts.add(str(node.value.value))
    return texts


@pytest.fixture
async def make_pair():
    from tests.e2e.pair import Pair

    pairs = []

    async def make(**options):
        pair = Pair(**options)
        pairs.append(pair)
        await pair.start()
        return pair

    yield make
    for pair in pairs:
        await pair.close()
