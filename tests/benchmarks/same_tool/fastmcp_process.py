"""A server of FastMCP in a process of its own."""

from __future__ import annotations

import asyncio
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from devstack.service_process import REPOSITORY, die_with_parent, with_repository
from tests.benchmarks.child_process import Child
from tests.support.free_ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

START_SECONDS: Final = 30
_HOST: Final = "127.0.0.1"


@asynccontextmanager
async def fastmcp_process(python: Path, module: str, *arguments: str) -> AsyncIterator[Child]:
    """Run a module of the benchmarks, whose last argument is the port to listen on, and end it afterwards."""
    port = free_port((_HOST,))
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-m", f"tests.benchmarks.{module}", *arguments, str(port)),
        cwd=REPOSITORY,
        env=with_repository(os.environ),
        preexec_fn=die_with_parent,
    )
    try:
        async with asyncio.timeout(START_SECONDS):
            while not await _listens(port):
                assert process.returncode is None, "FastMCP ended before it was ready"
                await asyncio.sleep(0.1)
        yield Child(port, process.pid)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _reader, writer = await asyncio.open_connection(_HOST, port)
    except OSError:
        return False
    writer.close()
    return True
