"""Signing, the key set endpoint, and what verifiers cost that wait for its next version."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.jwk import RSAKey

from auth_service.keys.jwks_endpoint import PATH
from auth_service.keys.signer import RSA_BITS, ActiveKey
from tests.benchmarks.harness import UNLIMITED, compare
from tests.e2e.pair import Pair

if TYPE_CHECKING:
    from tests.benchmarks.harness import Report

CLAIMS = {
    "iss": "https://auth.example.com",
    "sub": "2dXq5nZp0sB1mG7cV9yK4w",
    "aud": "https://mcp.example.com/mcp",
    "client_id": "Zt3pW8aQ1rL6",
    "scope": "notes:read notes:write",
    "iat": 1_800_000_000,
    "exp": 1_800_003_600,
    "jti": "n7Jq2sVb9dKx",
    "gid": "c5Rf8tYh1uMw",
}
WAITERS = 250
"""Fewer than one network may have waiting (shared/http/long_polls.py)."""
WAIT_SECONDS = 5.0


async def run(report: Report) -> None:
    await _signing(report)
    await _waiting(report)


async def _signing(report: Report) -> None:
    key = RSAKey.generate_key(RSA_BITS)
    signing_key, raw = ActiveKey("k", "RS256", key), key.private_key
    message, padding, digest = secrets.token_bytes(400), PKCS1v15(), SHA256()
    turns = await compare(
        lambda: raw.sign(message, padding, digest),
        lambda: signing_key.sign(CLAIMS, typ="at+jwt"),
        seconds=4 * report.seconds,
        rounds=12,
    )
    report.add(
        "signing a token, as a share of the raw RSA rate",
        turns.ratios,
        at_least=0.9,
        detail=f"{turns.yardstick * 1e6:.0f} µs against {turns.subject * 1e6:.0f} µs",
    )


async def _waiting(report: Report) -> None:
    """A real auth_service with many verifiers that wait for a change."""
    pair = Pair(mcp=0, resource="http://localhost:9/mcp", own=UNLIMITED)
    try:
        await pair.start()
        (auth,) = pair.auth
        idle = await _cpu_seconds(auth.pid)
        before = _resident_kb(auth.pid)
        connections = [await asyncio.open_connection("127.0.0.1", auth.port) for _ in range(WAITERS)]
        etag = await _etag(auth.port)
        for number, (_reader, writer) in enumerate(connections):
            writer.write(
                f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {etag}\r\nPrefer: wait=60\r\n"
                f"Sallyport-Replica: verifier-{number}\r\n\r\n".encode()
            )
        await asyncio.sleep(2)
        waiting = await _cpu_seconds(auth.pid)
        memory = _resident_kb(auth.pid) - before
        answers = [asyncio.create_task(reader.readuntil(b"\r\n\r\n")) for reader, _writer in connections]
        rotating = asyncio.create_task(pair.command("keys", "rotate", "--force"))
        await answers[0]
        first = time.perf_counter()
        heads = await asyncio.gather(*answers)
        last = time.perf_counter()
        await rotating
        assert all(head.startswith(b"HTTP/1.1 200") for head in heads), {head[:80] for head in heads}
        for _reader, writer in connections:
            writer.close()
    finally:
        await pair.close()
    report.add(f"memory of {WAITERS} waiting long-polls, each", memory / WAITERS, unit="kB", at_most=64)
    report.add(
        f"CPU while {WAITERS} long-polls wait, of one core",
        100 * (waiting - idle) / WAIT_SECONDS,
        unit="%",
        at_most=2,
        detail=f"over what an idle server uses, {100 * idle / WAIT_SECONDS:.1f} %",
    )
    report.add(f"from the first to the last of {WAITERS} answers after a change", 1000 * (last - first), unit="ms")


async def _cpu_seconds(pid: int | None) -> float:
    """Use of the process during WAIT_SECONDS from now."""
    before = _cpu(pid)
    await asyncio.sleep(WAIT_SECONDS)
    return _cpu(pid) - before


def _cpu(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_kb(pid: int | None) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def _etag(port: int) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    writer.close()
    return next(line.partition(": ")[2] for line in head.splitlines() if line.lower().startswith("etag:"))
