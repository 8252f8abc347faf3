"""`make attack`: play the attacks against a pair of services as processes, and print what each kind cost."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys

import redis

from tests.attack_run.figures import BOUNDS, Figures, verdicts
from tests.attack_run.kinds import Request, requests_of
from tests.attack_run.watch import LivezWatch, cpu_seconds, peak_bytes
from tests.e2e.pair import Pair
from tests.fuzz.raw_http import Received, exchange
from tests.fuzz.requests import JSON, Sent
from tests.support.canaries import leaked

AT_ONCE = 8
ANSWER_SECONDS = 15
KIND_SECONDS = 60
HONEST_ADDRESS = "127.7.7.7"
FLOODS = {"authorize-flood", "register-flood", "sign-in-flood"}
"""Kinds that meet the rate limits. The others run without, so that each request reaches its parser."""
CHATGPT = {
    "client_name": "ChatGPT",
    "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


async def play(kind: str, pair: Pair) -> Figures:
    """Send the requests of one kind and measure."""
    services = {"auth": pair.auth[0], "mcp": pair.mcp[0]}
    pids = [service.pid or 0 for service in services.values()]
    requests = await requests_of(kind, pair)
    figures = Figures()

    def output() -> str:
        return "".join(s.log.read_text(errors="replace") for s in services.values() if s.log is not None)

    def cpu() -> float:
        return sum(cpu_seconds(pid) for pid in pids)

    with redis.Redis.from_url(f"{pair.store.url}?db=0") as store:
        stored = int(store.info("memory")["used_memory"])
        lines, spent, peaks = output().count("\n"), cpu(), [peak_bytes(pid) for pid in pids]
        watches = {name: LivezWatch(service.port) for name, service in services.items()}
        try:
            async with asyncio.timeout(KIND_SECONDS):
                await _send_all(requests, {name: s.port for name, s in services.items()}, figures)
        finally:
            figures.stalls = {name: await asyncio.to_thread(watch.stop) for name, watch in watches.items()}
        figures.cpu_seconds = cpu() - spent
        figures.peak_bytes = max(peak_bytes(pid) - peak for pid, peak in zip(pids, peaks, strict=True))
        figures.stored_bytes = int(store.info("memory")["used_memory"]) - stored
    if kind == "register-flood":
        figures.honest_failed = await _honest_registration(services["auth"].port)
    written = output()
    # The polls of /livez are not logged at the default level.
    figures.lines, figures.leaked = written.count("\n") - lines, leaked(written)
    return figures


async def _send_all(requests: list[Request], ports: dict[str, int], figures: Figures) -> None:
    remaining = iter(requests)

    async def send() -> None:
        for service, data in remaining:
            try:
                answer = await asyncio.wait_for(exchange(ports[service], data), ANSWER_SECONDS)
            except TimeoutError:
                answer = Received(0, "", b"")
            _count(figures, service, data, answer)

    await asyncio.gather(*(send() for _ in range(AT_ONCE)))


def _count(figures: Figures, service: str, data: bytes, answer: Received) -> None:
    figures.tried += 1
    case = f"{service} {answer.status} {data[:60]!r}"
    if answer.status >= 500:
        figures.faults.append(case)
    elif answer.status == 0 or answer.status >= 400:
        figures.refused += 1
    else:
        figures.accepted.append(case)


async def _honest_registration(port: int) -> str:
    """A registration from another network; what went wrong with it."""
    body = json.dumps(CHATGPT).encode()
    data = Sent("auth", "POST", "/register", content_type=JSON, body=body).as_bytes()
    answer = await asyncio.wait_for(exchange(port, data, source=HONEST_ADDRESS), ANSWER_SECONDS)
    return "" if answer.status == 201 else f"an honest registration was answered {answer.status}"


async def run(kinds: list[str], log_format: str) -> bool:
    """Play the kinds with one log format; whether every bound held."""
    held = True
    for limits in ("off", "on"):
        chosen = [kind for kind in kinds if (kind in FLOODS) == (limits == "on")]
        if not chosen:
            continue
        own = {f"{p}_{name}": value for p in ("AUTH", "MCP")
               for name, value in (("LOG_FORMAT", log_format), ("RATE_LIMITS", limits))}  # fmt: skip
        pair = Pair(own=own)
        try:
            await pair.start()
            for kind in chosen:
                figures = await play(kind, pair)
                held = _show(kind, log_format, figures) and held
        finally:
            await pair.close()
    return held


def _show(kind: str, log_format: str, figures: Figures) -> bool:
    print(
        f"{kind:15} {log_format:8} {figures.tried:6} {figures.refused:8} {figures.stalls['auth'] * 1000:8.0f}"
        f" {figures.stalls['mcp'] * 1000:8.0f} {figures.stored_bytes / 1024:9.0f} {figures.peak_bytes / 1024:9.0f}"
        f" {figures.cpu_seconds:6.1f} {len(figures.faults):4} {figures.lines:6}",
        flush=True,
    )
    found = verdicts(figures, BOUNDS[kind])
    for line in found:
        print(f"  FAILED: {line}", flush=True)
    return not found


def main() -> int:
    """Choose the kinds, play them, and fail when a bound does not hold."""
    parser = argparse.ArgumentParser(prog="make attack", description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(BOUNDS)}; all without one")
    parser.add_argument("--log-format", choices=("console", "json"), help="one format instead of both")
    chosen = parser.parse_args()
    if unknown := set(chosen.kinds) - set(BOUNDS):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    print("kind            logs      tried  refused auth(ms)  mcp(ms) store(KiB) peak(KiB) cpu(s)  5xx  lines")
    held = True
    for log_format in [chosen.log_format] if chosen.log_format else ["console", "json"]:
        held = asyncio.run(run(chosen.kinds or list(BOUNDS), log_format)) and held
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
