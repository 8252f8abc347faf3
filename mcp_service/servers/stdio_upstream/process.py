"""One process of the command: its pipes, and its end.

Every end passes through the launcher, which leaves no descendant. See launcher.py for what happens when the guard is
killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from mcp_service.servers.stdio_upstream.launcher import KILL_NOW
from mcp_service.servers.stdio_upstream.stderr_log import log_standard_error
from shared.background import end_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import structlog

    from mcp_service.servers.stdio_upstream.command import Command

STDIN_SECONDS: Final = 2.0
"""How long a process may take to end after its standard input has ended (MCP stdio, shutdown)."""
TERM_SECONDS: Final = 2.0
"""How long a process may take to end after SIGTERM, before SIGKILL."""
_SWEEP_SECONDS: Final = 8.0
_LAUNCHER: Final = str(Path(__file__).with_name("launcher.py"))


class LineTooLong(Exception):
    """The process wrote more than the bound without a line break."""


class InputFull(Exception):
    """The process does not read its standard input, and the bound of what waits for it is reached."""


class CommandProcess:
    """A running command. Make one with `start`; `end` must be called, also after the command has exited."""

    def __init__(self, process: asyncio.subprocess.Process, control: int, max_line_bytes: int) -> None:
        self._process = process
        self._control: int | None = control
        self._max_bytes = max_line_bytes
        self._stderr: asyncio.Task[None] | None = None

    @classmethod
    async def start(
        cls,
        command: Command,
        *,
        variables: Mapping[str, str],
        max_line_bytes: int,
        log: structlog.typing.FilteringBoundLogger,
        on_stderr_failure: Callable[[], None],
    ) -> CommandProcess:
        """Start the command with `variables` besides its environment. Raises OSError.

        `on_stderr_failure` is called when standard error cannot be logged any more.
        """
        control, control_end = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", _LAUNCHER, str(control), str(command.memory_bytes), str(TERM_SECONDS)),
                *command.words,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**command.environment, **variables},
                pass_fds=(control,),
                # Ctrl-C at the terminal is for the guard, which ends the process in its own order.
                start_new_session=True,
                limit=max_line_bytes,
            )
        except BaseException:
            os.close(control_end)
            raise
        finally:
            os.close(control)
        started = cls(process, control_end, max_line_bytes)
        assert process.stderr is not None  # noqa: S101 - PIPE above
        logging = log_standard_error(process.stderr, log, on_failure=on_stderr_failure)
        started._stderr = asyncio.create_task(logging, name="upstream stderr")
        return started

    @property
    def pid(self) -> int:
        """The process id of the launcher, and of the process group."""
        return self._process.pid

    async def read_line(self) -> bytes | None:
        """The next line; None at the end. A last line without a break is dropped. Raises LineTooLong."""
        assert self._process.stdout is not None  # noqa: S101 - PIPE above
        try:
            return await self._process.stdout.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            return None
        except asyncio.LimitOverrunError as exc:
            raise LineTooLong(f"more than {self._max_bytes} bytes without a line break") from exc

    def write_line(self, line: bytes) -> None:
        """Write without waiting. A process that has ended reads nothing. Raises InputFull.

        The line itself does not count: a long one fails no process that reads.
        """
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        transport = self._process.stdin.transport
        if transport.is_closing():
            return
        if transport.get_write_buffer_size() > self._max_bytes:
            raise InputFull(f"more than {self._max_bytes} bytes wait to be read")
        self._process.stdin.write(line + b"\n")

    async def exited(self) -> int:
        """Wait until the command has exited and nothing of it is left; its exit code (launcher.py)."""
        return await self._process.wait()

    async def end(self, *, at_once: bool = False) -> None:
        """Close standard input; after 2 s SIGTERM to the group, after 2 s more SIGKILL. `at_once` is SIGKILL only.

        Nothing may read any more.
        """
        # A process is not seen to end while its output is unread.
        discarding = asyncio.create_task(self._discard(), name="upstream output")
        try:
            if not at_once:
                await self._close_input()
        finally:
            await asyncio.shield(asyncio.ensure_future(self._stop(at_once=at_once)))
            await end_tasks([discarding])

    async def _discard(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - PIPE above
        while await self._process.stdout.read(1 << 16):
            pass

    async def _close_input(self) -> None:
        assert self._process.stdin is not None  # noqa: S101 - PIPE above
        self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STDIN_SECONDS):
                await self._process.wait()

    async def _stop(self, *, at_once: bool) -> None:
        if self._control is not None:
            control, self._control = self._control, None
            if at_once:
                with contextlib.suppress(OSError):
                    os.write(control, KILL_NOW)
            os.close(control)
        try:
            async with asyncio.timeout(TERM_SECONDS + _SWEEP_SECONDS):
                await self._process.wait()
        except TimeoutError:
            # The launcher itself does not answer: stopped by a signal, for example.
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self._stderr is not None:
            # Everything that was written has been read once the pipe has ended, as it has with its writers.
            await asyncio.wait({self._stderr}, timeout=1)
            await end_tasks([self._stderr])
