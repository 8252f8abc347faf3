"""The attacker, a process of its own: one kind of traffic at a steady rate, from made-up networks, for a set time.

Reads its orders as JSON from standard input and prints the answers, counted by class. Only loopback is contacted; the
networks are values of X-Forwarded-For, except that connections which are held come from other loopback addresses.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING
from urllib.parse import quote

from tests.fuzz.raw_http import exchange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

AT_ONCE = 800
ANSWER_SECONDS = 40
SILENT_HOSTS = 24
MAX_HELD = 4000
NUMBER = "NUMBER000000"
"""Stands in a template for the number of the request. Numbers have as many digits: stated lengths stay right."""
RATES = {
    "registrations": 100,
    "authorizations": 100,
    "sign-ins": 18,
    "guesses": 18,
    "connections": 60,
    "forged-tokens": 100,
    "odd-bodies": 40,
    "jwks-polls": 60,
    "slow-fetches": 40,
}
"""Requests per second of each kind."""


@dataclass
class Orders:
    """Requests, and the ports to send them to. `requests` are the service and the template of each request."""

    kind: str
    seconds: float
    ports: dict[str, int]
    requests: list[tuple[str, str]]


def address(random: Random) -> str:
    """A made-up public address."""
    return f"{random.randrange(20, 100)}.{random.randrange(256)}.{random.randrange(256)}.{random.randrange(1, 255)}"


def from_network(data: bytes, network: str) -> bytes:
    """The request as the trusted proxy passes it on."""
    line, _, rest = data.partition(b"\r\n")
    return line + b"\r\nX-Forwarded-For: " + network.encode() + b"\r\n" + rest


def requests_forever(orders: Orders, random: Random) -> Iterator[tuple[int, bytes]]:
    """Port and bytes, again and again, each from another network."""
    number = 0
    while True:
        for service, template in orders.requests:
            number += 1
            data = template.encode("latin-1").replace(NUMBER.encode(), b"%012d" % number)
            yield orders.ports[service], from_network(data, address(random))


async def send(port: int, data: bytes) -> int:
    """The class of the answer; 0 for none."""
    try:
        answer = await asyncio.wait_for(exchange(port, data), ANSWER_SECONDS)
    except (TimeoutError, OSError):
        return 0
    return answer.status // 100


async def flood(orders: Orders) -> Counter[int]:
    """One request after the other at the rate of the kind, whether or not they are answered."""
    answers: Counter[int] = Counter()
    running: set[asyncio.Task[int]] = set()

    def ended(task: asyncio.Task[int]) -> None:
        running.discard(task)
        answers[0 if task.cancelled() else task.result()] += 1

    following = requests_forever(orders, Random(1))
    began = time.monotonic()
    for number in range(int(orders.seconds * RATES[orders.kind])):
        await asyncio.sleep(max(0.0, began + number / RATES[orders.kind] - time.monotonic()))
        if time.monotonic() - began > orders.seconds:
            break
        if len(running) < AT_ONCE:
            task = asyncio.create_task(send(*next(following)))
            running.add(task)
            task.add_done_callback(ended)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return answers


async def hold(orders: Orders) -> Counter[int]:
    """Connections with an unfinished head, held as long as the service lets them; none is answered."""
    answers: Counter[int] = Counter()
    held: list[asyncio.StreamWriter] = []
    ports = list(orders.ports.values())
    began = time.monotonic()
    for number in range(min(MAX_HELD, int(orders.seconds * RATES["connections"]))):
        await asyncio.sleep(max(0.0, began + number / RATES["connections"] - time.monotonic()))
        if time.monotonic() - began > orders.seconds:
            break
        source = f"127.9.{number // 250}.{1 + number % 250}"
        answers[0] += 1
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", ports[number % 2], local_addr=(source, 0))
            writer.write(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: ")
            held.append(writer)
    await asyncio.sleep(max(0.0, began + orders.seconds - time.monotonic()))
    for writer in held:
        writer.transport.abort()
    return answers


@contextlib.asynccontextmanager
async def silent_hosts(orders: Orders) -> AsyncIterator[None]:
    """Servers of this process that accept and never answer; SILENT in a template becomes a document on one of them."""
    servers = [await asyncio.start_server(lambda *_: None, "127.0.0.1", 0) for _ in range(SILENT_HOSTS)]
    ports = [server.sockets[0].getsockname()[1] for server in servers]
    ((service, template),) = orders.requests
    urls = [quote(f"http://127.0.0.1:{port}/{NUMBER}.json", safe="") for port in ports]
    orders.requests = [(service, template.replace("SILENT", url)) for url in urls]
    try:
        yield
    finally:
        for server in servers:
            server.close()


async def run(orders: Orders) -> Counter[int]:
    """Carry the orders out."""
    if orders.kind == "connections":
        return await hold(orders)
    if orders.kind == "slow-fetches":
        async with silent_hosts(orders):
            return await flood(orders)
    return await flood(orders)


def main() -> None:
    """Read the orders, carry them out, report."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    orders = Orders(**json.load(sys.stdin))
    print(json.dumps(dict(asyncio.run(run(orders)))))


if __name__ == "__main__":
    main()
