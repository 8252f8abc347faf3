"""A server of the benchmarks in a process of its own, which prints its port and ends when its standard input closes."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@dataclass(frozen=True)
class Child:
    """Its port on 127.0.0.1, and its process id."""

    port: int
    pid: int


@asynccontextmanager
async def child_process(module: str, *arguments: str, python: Path | str = sys.executable) -> AsyncIterator[Child]:
    """Start a module of the benchmarks with this Python, and end it afterwards."""
    process = await asyncio.create_subprocess_exec(
        *(str(python), "-m", f"tests.benchmarks.{module}", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Child(int(await process.stdout.readline()), process.pid)
    finally:
        process.stdin.close()
        await process.wait()
