"""The lifespan of a server in this process: the operator's own and, inside it, that of the SDK's session manager."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import structlog

from mcp_service.servers.asgi_bridge import AsgiApp, Message
from shared.background import end_tasks
from shared.errors import ServiceUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server

    from shared.background import TaskSupervisor

TASK: Final = "server_lifespan"
"""The label in the metrics of background tasks."""

ApplicationAndLifespan = tuple[AsgiApp, Callable[[], AbstractAsyncContextManager[Any]]]


class SupervisedApplication:
    """The ASGI application of a server. When its lifespan fails, it is made anew and entered again.

    A session manager of the SDK can run once, so that a new lifespan needs a new application.
    """

    def __init__(self, make: Callable[[], ApplicationAndLifespan]) -> None:
        """`make` returns a new application, and what makes its lifespan."""
        self._make = make
        self._log = structlog.get_logger("mcp_service")
        # A server that cannot be served is refused before the start.
        self._made: ApplicationAndLifespan | None = make()
        self._entered: asyncio.Task[None] | None = None
        self.running: AsgiApp | None = None
        """The application while its lifespan runs. From a failure on nothing may use it or the state of the server."""

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request. Raises ServiceUnavailable while the lifespan does not run."""
        if self.running is None:
            raise ServiceUnavailable("the lifespan of the server does not run", error_id="server_lifespan")
        await self.running(scope, receive, send)

    def readiness(self) -> Readiness:
        """Whether the lifespan runs."""
        if self.running is None:
            return Readiness(ready=False, note="its lifespan has failed and is started again")
        return Readiness(ready=True)

    @asynccontextmanager
    async def lifespan(self, supervisor: TaskSupervisor) -> AsyncIterator[None]:
        """Keep the server running. An exception of the first start, or of the end, is raised here."""
        started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stopping = asyncio.Event()

        async def run() -> None:
            # anyio requires that one task enters and leaves a lifespan, and goes on cancelling a task that has not left
            # a task group cleanly: that must not be the supervisor's.
            entered = self._entered = asyncio.create_task(self._enter(started, stopping), name="server lifespan")
            await asyncio.wait({entered})
            failure = _failure_of(entered)
            if not started.done():
                started.set_exception(failure or RuntimeError("the lifespan has ended before it began"))
            elif not stopping.is_set():
                # A cancelled task group leaves its context without an exception.
                raise RuntimeError("the lifespan of the server has ended") from failure

        task = supervisor.start(TASK, run)
        try:
            await started
            yield
        finally:
            stopping.set()
            was_running = self.running is not None
            await end_tasks([task])
            await self._end(was_running=was_running)

    async def _end(self, *, was_running: bool) -> None:
        """Wait until the lifespan has ended, however long it takes: its resources are used until then.

        One that is still starting is cancelled, once: it may clean up. Raises what one that ran raises at its end.
        """
        entered = self._entered
        if entered is None:
            return
        if not was_running:
            entered.cancel()
        await asyncio.wait({entered})
        failure = _failure_of(entered)
        if was_running and failure is not None:
            raise failure

    async def _enter(self, started: asyncio.Future[None], stopping: asyncio.Event) -> None:
        app, make_lifespan = self._made or self._make()
        self._made = None
        async with make_lifespan():
            self.running = app
            if not started.done():
                started.set_result(None)
            try:
                await stopping.wait()
            finally:
                self.running = None
                if not stopping.is_set():
                    self._log.error("server_lifespan_failed")


def _failure_of(ended: asyncio.Task[None]) -> BaseException | None:
    return RuntimeError("the lifespan was cancelled") if ended.cancelled() else ended.exception()


class SharedLifespan:
    """The state that the lifespan of a server has made, for calls beside its session manager, which enters it.

    Make it before the manager runs.
    """

    def __init__(self, server: Server[Any]) -> None:
        self.state: Any = None
        original = server.lifespan

        @asynccontextmanager
        async def lifespan(server: Server[Any]) -> AsyncIterator[Any]:
            async with original(server) as state:
                self.state = state
                try:
                    yield state
                finally:
                    self.state = None

        server.lifespan = lifespan
