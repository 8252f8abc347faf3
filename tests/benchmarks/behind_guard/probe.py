"""Requests one after the other from a process of its own: what else the client has to do delays none of them.

Of each request there are two times: by the clock, and the processor time that the guard used from the request to its
answer. In the second one, other processes of the machine do not count. It is an upper bound of what the guard made the
request wait: what the guard does for others counts, also while the server behind it answers.

As a program: PORT PID on the command line, a list of requests as a JSON line on standard input. Each further line but
the last is the name of a phase; an empty one asks for the result, which is printed.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import time
from collections import defaultdict
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.benchmarks.harness import processor_seconds

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_BETWEEN_SECONDS = 0.001
_SETTLE_SECONDS = 0.05


@dataclass(frozen=True)
class Longest:
    """The longest request of a phase, in seconds, by either time."""

    by_clock: float
    processor: float


class Probe:
    """The program, seen from the benchmark."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def phase(self, name: str) -> None:
        """The requests that follow belong to this phase."""
        await self._write(name)
        await asyncio.sleep(_SETTLE_SECONDS)

    async def longest(self) -> dict[str, list[Longest]]:
        """Of each phase, for each of the requests."""
        await self._write("")
        assert self._process.stdout is not None
        found = json.loads(await self._process.stdout.readline())
        return {name: [Longest(*one) for one in requests] for name, requests in found.items()}

    async def _write(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n".encode())
        await self._process.stdin.drain()


@asynccontextmanager
async def probing(port: int, pid: int, requests: Sequence[bytes]) -> AsyncIterator[Probe]:
    """Send these requests in turns to the guard until the context ends."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.benchmarks.behind_guard.probe", str(port), str(pid)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    probe = Probe(process)
    try:
        await probe._write(json.dumps([request.decode("latin-1") for request in requests]))
        yield probe
    finally:
        process.kill()
        await process.wait()


class _Caller:
    def __init__(self, port: int, pid: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._pid = pid

    def time(self, request: bytes) -> Longest:
        started, used = time.perf_counter(), processor_seconds(self._pid)
        self._socket.sendall(request)
        self._read()
        return Longest(time.perf_counter() - started, processor_seconds(self._pid) - used)

    def _read(self) -> None:
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._some()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        missing = length - len(body)
        while missing > 0:
            missing -= len(self._some())

    def _some(self) -> bytes:
        data = self._socket.recv(65_536)
        assert data, "the guard has closed the connection"
        return data


class _Phases:
    """The phase in force, changed by a thread that reads standard input, and the longest request of each."""

    def __init__(self, count: int) -> None:
        self.name = "start"
        self._found: dict[str, list[list[float]]] = defaultdict(lambda: [[0.0, 0.0] for _ in range(count)])

    def note(self, name: str, number: int, taken: Longest) -> None:
        longest = self._found[name][number]
        longest[:] = max(longest[0], taken.by_clock), max(longest[1], taken.processor)

    def read(self) -> None:
        for line in sys.stdin:
            name = line.strip()
            if name:
                self.name = name
            else:
                print(json.dumps(self._found), flush=True)


def main() -> None:
    """Go on until the parent ends this process."""
    port, pid = map(int, sys.argv[1:])
    requests = [request.encode("latin-1") for request in json.loads(sys.stdin.readline())]
    phases, caller = _Phases(len(requests)), _Caller(port, pid)
    threading.Thread(target=phases.read, daemon=True).start()
    while True:
        for number, request in enumerate(requests):
            name = phases.name
            phases.note(name, number, caller.time(request))
            time.sleep(_BETWEEN_SECONDS)


if __name__ == "__main__":
    main()
