"""The life of the mcp SDK's session manager."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

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
