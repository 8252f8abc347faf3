"""Sends the requests of one kind, beside an honest user, and measures."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from tests.attack_run.figures import Bounds, Figures
from tests.attack_run.honest import honest_user
from tests.attack_run.kinds import CONNECTIONS_TRIED, KINDS, Kind
from tests.attack_run.requests import Request, requests_of
from tests.attack_run.watch import LivezWatch
from tests.fuzz.raw_http import Received, exchange

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.attack_run.target import Target

ANSWER_SECONDS = 25
"""Longer than every deadline of the services: a connection that is still open then has none."""
SETTLE_SECONDS = 2.0
KIND_SECONDS = 60
CROWD = "127.6.6.6"
HALF_A_HEAD = b"GET /livez HTTP/1.1\r\nHost: localhost\r\nX-A: "


async def play(name: str, target: Target, *, answer_seconds: float = ANSWER_SECONDS) -> Figures:
    """Play one kind and measure it."""
    figures = Figures()
    async with honest_user(name, target) as act:
        player = _Player(KINDS[name], target, figures, act, answer_seconds=answer_seconds)
        requests = [] if name == "connections" else await requests_of(name, target)
        watches = {service: LivezWatch(port) for service, port in target.ports.items()}
        try:
            with target.measured(figures):
                async with asyncio.timeout(KIND_SECONDS):
                    await (player.crowd() if name == "connections" else player.send_all(requests))
        finally:
            figures.stalls = {name: await asyncio.to_thread(watch.stop) for name, watch in watches.items()}
    return figures


class _Player:
    def __init__(
        self,
        kind: Kind,
        target: Target,
        figures: Figures,
        act: Callable[[], Awaitable[str]],
        *,
        answer_seconds: float,
    ) -> None:
        self._kind, self._target, self._figures, self._act = kind, target, figures, act
        self._answer_seconds = answer_seconds
        self._began = 0.0
        self._held: list[asyncio.StreamWriter] = []

    async def send_all(self, requests: list[Request]) -> None:
        """Send so many at once as the kind wants. The honest user acts when half of the requests are under way."""
        remaining, honest_turn = iter(requests), asyncio.Event()
        self._began = time.monotonic()
        started = 0

        async def send() -> None:
            nonlocal started
            for request in remaining:
                started += 1
                if started * 2 >= len(requests):
                    honest_turn.set()
                await self._send(request)

        async def honest() -> None:
            await honest_turn.wait()
            self._figures.honest_failed = await self._act()

        try:
            await asyncio.gather(honest(), *(send() for _ in range(self._kind.at_once)))
        finally:
            for writer in self._held:
                writer.transport.abort()

    async def _send(self, request: Request) -> None:
        port = self._target.ports[request.service]
        sending = self._head_of(port, request.data) if self._kind.held else exchange(port, request.data)
        try:
            answer = await asyncio.wait_for(sending, self._answer_seconds)
        except TimeoutError:
            self._figures.tried += 1
            self._figures.unanswered.append(f"{request.service} {request.data[:60]!r}")
            return
        self._count(request, answer, self._kind.bounds)

    async def _head_of(self, port: int, data: bytes) -> Received:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        self._held.append(writer)
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        return Received(int(head.split(" ", 2)[1]), head, b"")

    def _count(self, request: Request, answer: Received, bounds: Bounds) -> None:
        figures = self._figures
        figures.tried += 1
        case = f"{request.service} {answer.status} {request.data[:60]!r}"
        if answer.status >= 500 and answer.status not in bounds.refusals:
            figures.faults.append(case)
        elif answer.status in bounds.refusals:
            figures.refused += 1
        elif request.optional:
            figures.optional += 1
        else:
            figures.accepted.append(case)
            figures.accepted_seconds = time.monotonic() - self._began
        text = answer.head + answer.body.decode("utf-8", "replace")
        if found := self._target.secrets.found_in_answer(answer.status, text):
            figures.leaked.setdefault("the answers", set()).update(found)

    async def crowd(self) -> None:
        """Connections of one network to each service, with half a head. Accepted are those that stay open."""
        self._began = time.monotonic()
        ended = asyncio.Semaphore(0)
        tasks, open_ones = [], []

        async def watch(reader: asyncio.StreamReader) -> None:
            with contextlib.suppress(OSError):
                while await reader.read(65_536):
                    pass
            self._figures.refused += 1
            ended.release()

        try:
            for _ in range(CONNECTIONS_TRIED):
                for port in self._target.ports.values():
                    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(CROWD, 0))
                    writer.write(HALF_A_HEAD)
                    open_ones.append(writer)
                    tasks.append(asyncio.create_task(watch(reader)))
            self._figures.tried = len(tasks)
            due = self._figures.tried - self._kind.bounds.burst
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(SETTLE_SECONDS):
                    for _ in range(due):
                        await ended.acquire()
            self._figures.accepted = [CROWD] * (self._figures.tried - self._figures.refused)
        finally:
            for task in tasks:
                task.cancel()
            for writer in open_ones:
                writer.transport.abort()
