"""Several processes of one service that share its port: the small parent that starts, watches and stops them.

Each child is a whole replica, started anew with the same command, and knows its place by shared.http.place. The
parent holds the ports, so that none is lost while a child is started again, and answers no request itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from shared.http.place import LOOPBACK, Place, told_up

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

    import structlog

FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 30.0
STEADY_SECONDS: Final = 60.0
"""A process that has lived this long did not end because of how it started."""
STOPPING_SECONDS: Final = 5.0
"""What a stop may take beyond the time that requests in flight are given."""


def next_pause(last_seconds: float, *, lived_seconds: float) -> float:
    """How long to wait before a process that ended is started again; doubled while it ends soon each time."""
    if last_seconds == 0 or lived_seconds >= STEADY_SECONDS:
        return FIRST_PAUSE_SECONDS
    return min(2 * last_seconds, LONGEST_PAUSE_SECONDS)


class ProcessGroup:
    """Runs `python -m MODULE serve` several times on one port."""

    def __init__(
        self,
        module: str,
        *,
        count: int,
        hosts: Sequence[str],
        port: int,
        shutdown_seconds: float,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """`shutdown_seconds` is what each process gives its requests in flight."""
        self._command = (sys.executable, "-m", module, "serve")
        self._count = count
        self._hosts = hosts
        self._port = port
        self._patience_seconds = shutdown_seconds + STOPPING_SECONDS
        self._log = log
        self._up = asyncio.Event()

    async def run(self) -> int:
        """Serve until SIGINT or SIGTERM; returns the exit status. Raises OSError if the port cannot be had.

        One process goes ahead: what it refuses to start for is said once, and its status is ours. From then on one
        that ends is started again.
        """
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with _held_ports(self._hosts, self._port, self._count) as places:
            keepers = [asyncio.create_task(self._keep(places[0]))]
            waiting = [asyncio.create_task(self._up.wait()), asyncio.create_task(stop.wait())]
            try:
                await asyncio.wait([*keepers, *waiting], return_when=asyncio.FIRST_COMPLETED)
                if not keepers[0].done():
                    if not stop.is_set():
                        keepers.extend(asyncio.create_task(self._keep(place)) for place in places[1:])
                    await asyncio.wait([*keepers, waiting[1]], return_when=asyncio.FIRST_COMPLETED)
                # A keeper ends by itself only before anything is up, or by a fault of its own.
                return next((keeper.result() for keeper in keepers if keeper.done()), 0)
            finally:
                for task in (*keepers, *waiting):
                    task.cancel()
                await asyncio.gather(*keepers, *waiting, return_exceptions=True)

    async def _keep(self, place: Place) -> int:
        """Keep one process running until cancelled, which stops it. Returns the status of one that never came up."""
        pause = 0.0
        while True:
            started = time.monotonic()
            async with self._child(place) as (child, line):
                if await told_up(line):
                    self._up.set()
                status = await child.wait()
            if not self._up.is_set():
                return status if status > 0 else 1
            pause = next_pause(pause, lived_seconds=time.monotonic() - started)
            self._log.error("process_ended", process=place.number, status=status, again_in_seconds=pause)
            await asyncio.sleep(pause)

    @contextlib.asynccontextmanager
    async def _child(self, place: Place) -> AsyncGenerator[tuple[asyncio.subprocess.Process, asyncio.StreamReader]]:
        """A started process and the line to it; stopped, if it still runs, on leaving."""
        ours, theirs = socket.socketpair()
        line, writer = await asyncio.open_connection(sock=ours)
        try:
            with theirs:
                child = await asyncio.create_subprocess_exec(
                    *self._command, stdin=theirs.fileno(), env={**os.environ, **place.as_environment()}
                )
            self._log.info("process_started", process=place.number, pid=child.pid)
            try:
                yield child, line
            finally:
                await self._stop(child)
        finally:
            writer.close()

    async def _stop(self, child: asyncio.subprocess.Process) -> None:
        if child.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                child.terminate()
            try:
                await asyncio.wait_for(child.wait(), self._patience_seconds)
            except TimeoutError:
                self._log.error("process_killed", pid=child.pid, after_seconds=self._patience_seconds)
                child.kill()
                await child.wait()


@contextlib.asynccontextmanager
async def _held_ports(hosts: Sequence[str], port: int, count: int) -> AsyncGenerator[list[Place]]:
    """Bind, without listening, the shared port and one of each process's own. Raises OSError."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:

        async def hold(host: str, number: int) -> int:
            # By itself first: a second group of the same user would be let onto a shared port without a word.
            alone = await loop.create_server(asyncio.Protocol, host, number, start_serving=False)
            number = number or int(alone.sockets[0].getsockname()[1])
            alone.close()
            shared = await loop.create_server(asyncio.Protocol, host, number, start_serving=False, reuse_port=True)
            stack.callback(shared.close)
            return number

        for host in hosts:
            port = await hold(host, port)
        inside = tuple([await hold(LOOPBACK, 0) for _ in range(count)])
        yield [Place(number, port, inside) for number in range(count)]
