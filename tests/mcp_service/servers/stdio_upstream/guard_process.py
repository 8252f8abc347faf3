"""A service in front of a command, in a process of its own: `guard_process.py COMMAND`; it prints the pids that matter.

Whether no process remains is observed from outside, also after SIGKILL.
"""

import asyncio
import signal
import sys
from collections.abc import Hashable

import structlog
import uvloop
from prometheus_client import CollectorRegistry

from mcp_service.servers.stdio_upstream import process
from mcp_service.servers.stdio_upstream.command import Command
from mcp_service.servers.stdio_upstream.pool import PoolLimits, ProcessMetrics, ProcessPool
from mcp_service.servers.stdio_upstream.process import CommandProcess


async def main(text: str) -> None:
    """Start the command, let it fork, report, and end with SIGTERM."""
    log = structlog.get_logger()
    # The command ends for SIGKILL only.
    process.STDIN_SECONDS = process.TERM_SECONDS = 0.1  # type: ignore[misc]
    command = Command.from_text(text, passed=(), memory_bytes=0, environment={"PATH": "/usr/bin:/bin"})

    async def start(key: Hashable) -> CommandProcess:
        del key
        return await CommandProcess.start(
            command, variables={}, max_line_bytes=1 << 20, log=log, on_stderr_failure=lambda: None
        )

    pool = ProcessPool(
        start_process=start,
        limits=PoolLimits(max_processes=1, idle_seconds=0, start_seconds=20),
        metrics=ProcessMetrics(CollectorRegistry()),
        log=log,
    )
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    async with pool.lend("user") as child:
        result = await child.connection.request("tools/call", {"name": "fork", "arguments": {}})
        print(result["content"][0]["text"], flush=True)
        await stop.wait()
    await pool.close()


if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    uvloop.run(main(sys.argv[1]))
