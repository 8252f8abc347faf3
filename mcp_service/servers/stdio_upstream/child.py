"""A process after its `initialize` handshake: its connection, its description and its listeners."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler
from mcp.shared.subscriptions import event_from_wire

from mcp_service.servers.stdio_upstream.connection import ErrorAnswer, ProcessConnection, ProcessGone
from mcp_service.servers.stdio_upstream.handshake import INITIALIZE, BadHandshake, ServerDescription, read_description
from mcp_service.servers.stdio_upstream.process import CommandProcess, InputFull, LineTooLong
from shared.background import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    import structlog

MAX_LISTENERS: Final = 1024
MAX_BACKLOG: Final = 256
"""Events that wait for one listener; one that does not read is ended there."""


class StartFailed(Exception):
    """The process did not become usable. The text is for the log."""


class Child:
    """One process of the command, usable once `initialize` has succeeded."""

    def __init__(
        self, process: CommandProcess, *, log: structlog.typing.FilteringBoundLogger, on_end: Callable[[str], None]
    ) -> None:
        """`on_end` is called once when the process ends, or has to end, by itself; with the reason."""
        self.connection = ProcessConnection(process, on_notification=self._publish, log=log)
        self._process = process
        self._log = log
        self._on_end = on_end
        self._bus = InMemorySubscriptionBus()
        self.listen = ListenHandler(self._bus, max_subscriptions=MAX_LISTENERS, max_buffered_events=MAX_BACKLOG)
        self._subscribed: Counter[str] = Counter()
        self._description: ServerDescription | None = None
        self._ending = False
        self._reading = asyncio.create_task(self._read(), name="upstream process")

    @property
    def description(self) -> ServerDescription:
        """The description that the process gives of itself. Raises StartFailed before it has."""
        if self._description is None:
            raise StartFailed("not initialized")
        return self._description

    async def initialize(self, seconds: float) -> None:
        """Exchange the handshake. Raises StartFailed."""
        try:
            async with asyncio.timeout(seconds):
                result = await self.connection.request("initialize", INITIALIZE)
            self._description = read_description(result)
        except TimeoutError as exc:
            raise StartFailed(f"no answer to initialize in {seconds:g} s") from exc
        except ErrorAnswer as exc:
            raise StartFailed(f"initialize was refused: {exc.error.message:.200}") from exc
        except (ProcessGone, InputFull) as exc:
            raise StartFailed("it ended before it answered initialize") from exc
        except BadHandshake as exc:
            raise StartFailed(str(exc)) from exc
        self.connection.notify("notifications/initialized", {})

    @contextmanager
    def subscribed(self, uris: Iterable[str]) -> Iterator[None]:
        """Subscribe to resources for one listener. The process hears of each once, however many listen."""
        wanted = set(uris) if self.description.notifies_of_resources else set()
        for uri in wanted:
            self._subscribed[uri] += 1
            if self._subscribed[uri] == 1:
                self.connection.tell("resources/subscribe", {"uri": uri})
        try:
            yield
        finally:
            for uri in wanted:
                self._subscribed[uri] -= 1
                if self._subscribed[uri] == 0:
                    del self._subscribed[uri]
                    self.connection.tell("resources/unsubscribe", {"uri": uri})

    async def end(self, *, at_once: bool = False) -> None:
        """End the process and everything that it started."""
        self._ending = True
        self.listen.close()
        # What the process writes from now on is for no client.
        await end_tasks([self._reading])
        await self._process.end(at_once=at_once)

    async def exit_code(self) -> int:
        """The exit code of a process that has ended."""
        return await self._process.exited()

    async def _read(self) -> None:
        reason = "exit"
        try:
            await self.connection.run()
        except LineTooLong:
            reason = "output"
        except InputFull:
            reason = "input"
        except Exception:  # noqa: BLE001 - logged whole, and counted by its reason; calls and listeners end
            reason = "fault"
            self._log.exception("upstream_output_failed")
        finally:
            self.listen.close()
            # A process that ends before that makes `initialize` fail.
            if not self._ending and self._description is not None:
                self._on_end(reason)

    async def _publish(self, method: str, params: Mapping[str, object]) -> None:
        event = event_from_wire(method, params)
        if event is not None:
            await self._bus.publish(event)
