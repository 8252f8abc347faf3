"""The life of the mcp SDK's session manager, and of the server that it runs."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.lowlevel import Server
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


@asynccontextmanager
async def session_manager_lifespan(manager: StreamableHTTPSessionManager) -> AsyncIterator[None]:
    """Run the session manager.

    anyio requires that one task enters and leaves it, but the start and the cleanup of an application may run in two.
    """
    started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    stopping = asyncio.Event()

    async def run() -> None:
        try:
            async with manager.run():
                started.set_result(None)
                await stopping.wait()
        except BaseException as exc:
            if not started.done():
                started.set_exception(exc)
                return
            raise

    task = asyncio.create_task(run(), name="mcp session manager")
    await started
    try:
        yield
    finally:
        stopping.set()
        await task


class SharedLifespan:
    """What the lifespan of a server has made, for calls beside its session manager. It is entered once, by the manager.

    Make it before the manager runs.
    """

    def __init__(self, server: Server[Any]) -> None:
        self.state: Any = None
        self.is_running = False
        original = server.lifespan

        @asynccontextmanager
        async def lifespan(server: Server[Any]) -> AsyncIterator[Any]:
            async with original(server) as state:
                self.state, self.is_running = state, True
                try:
                    yield state
                finally:
                    self.state, self.is_running = None, False

        server.lifespan = lifespan
