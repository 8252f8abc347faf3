"""Serves an application of a benchmark in a process of its own, whose parent holds its standard input open."""

from __future__ import annotations

import asyncio
import sys

from aiohttp import web


async def serve(app: web.Application, *, handler_cancellation: bool = False) -> None:
    """Print the port when it is ready, and serve until standard input closes."""
    runner = web.AppRunner(app, access_log=None, handler_cancellation=handler_cancellation)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    await runner.cleanup()
