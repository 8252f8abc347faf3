"""The two services as child processes: a service that cannot outlive its parent, and a command with its output."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from shared.http.probe import is_ready, readiness

_PR_SET_PDEATHSIG: Final = 1
_PROBE_SECONDS: Final = 0.05

REPOSITORY: Final = Path(__file__).resolve().parent.parent


class ServiceError(Exception):
    """The service did not start; the text says why."""


class Output(Protocol):
    """Takes the output of a process."""

    def open(self) -> int:
        """The descriptor that a new process writes to; the caller closes its copy."""


class ServiceProcess:
    """Starts, stops, kills and restarts a service with the same port and settings."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        host: str,
        port: int,
        log: Path | Output | None = None,
    ) -> None:
        """`arguments` are those of the interpreter.

        What it prints goes to `log`, by default to where the parent prints; to a file it is appended.
        """
        self.name = name
        self.port = port
        self.log = log if isinstance(log, Path) else None
        self._output = None if isinstance(log, Path) else log
        self._host = host
        self._arguments = tuple(arguments)
        self._environment = dict(environment)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def was_started(self) -> bool:
        """Whether there has been a process."""
        return self._process is not None

    def spawn(self) -> None:
        """Start without waiting. Call it from the main thread: the child dies with the thread that started it."""
        output = self._open_output()
        try:
            self._process = subprocess.Popen(
                [sys.executable, *self._arguments],
                env=with_repository(self._environment),
                stdin=subprocess.DEVNULL,
                cwd=directory_of_the_user(self._environment),
                stdout=output,
                stderr=output,
                # A new session: Ctrl-C reaches the launcher only, which stops its children in order.
                start_new_session=True,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - no threads take locks here
            )
        finally:
            if output is not None:
                os.close(output)

    async def start(self, *, timeout_seconds: float = 30.0) -> None:
        """Start and wait until the service is ready. Raises ServiceError if it ends or the time is over."""
        self.spawn()
        await self.wait_until_ready(timeout_seconds=timeout_seconds)

    async def wait_until_ready(self, *, timeout_seconds: float = 30.0, apart_from: str = "") -> None:
        """Wait until the service is ready, or is but for one check. Raises ServiceError if it ends or time is over."""
        try:
            async with asyncio.timeout(timeout_seconds):
                while not await asyncio.to_thread(self.is_ready, apart_from):
                    if self.pid is None:
                        raise ServiceError(f"{self.name} ended before it was ready{self._log_tail()}")
                    await asyncio.sleep(_PROBE_SECONDS)
        except TimeoutError:
            raise ServiceError(f"{self.name} is not ready after {timeout_seconds:g} s{self._log_tail()}") from None

    def is_ready(self, apart_from: str = "") -> bool:
        """Whether `/readyz` answers 200 now, or names no check but this one."""
        if not apart_from:
            return is_ready(self.port, host=self._host)
        checks = self._readiness().get("checks", {})
        unready = {name for name, check in checks.items() if not check["ready"]}
        return bool(checks) and unready <= {apart_from}

    def problem_of(self, check: str) -> str | None:
        """The note of this check of `/readyz` if it makes the service unready or impairs it."""
        answer = self._readiness()
        found = answer.get("checks", {}).get(check, {"ready": True})
        return None if found["ready"] and check not in answer["impaired"] else str(found["note"])

    def _readiness(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(readiness(self.port, host=self._host) or '{"impaired": []}')
        return answer

    async def ended(self) -> int:
        """Wait until the process ends. Returns the exit code (negative: the signal)."""
        process = self._process
        if process is None:
            return 0
        while (code := process.poll()) is None:  # noqa: ASYNC110 - a thread blocked in waitpid cannot be cancelled
            await asyncio.sleep(_PROBE_SECONDS)
        return code

    async def stop(self, *, timeout_seconds: float = 15.0) -> int:
        """Send SIGTERM and wait; SIGKILL after the timeout. Returns the exit code (negative: the signal)."""
        self.send(signal.SIGTERM)
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self.ended()
        except TimeoutError:
            return await self.kill()

    async def kill(self) -> int:
        """Send SIGKILL and wait. Returns the exit code."""
        self.send(signal.SIGKILL)
        return await self.ended()

    async def restart(self) -> None:
        """Stop gracefully and start on the same port."""
        await self.stop()
        await self.start()

    def send(self, number: signal.Signals) -> None:
        """Send a signal if the process runs."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    def _open_output(self) -> int | None:
        if self._output is not None:
            return self._output.open()
        return os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) if self.log is not None else None

    def _log_tail(self) -> str:
        if self.log is None or not self.log.exists():
            return " (see its output above)"
        return ":\n" + self.log.read_text(encoding="utf-8", errors="replace")[-2000:]


@dataclass(frozen=True, slots=True)
class CommandResult:
    """The result of a command."""

    succeeded: bool
    output: str
    errors: str

    @property
    def combined_output(self) -> str:
        """Standard output and standard error."""
        return "\n".join(filter(None, [self.output, self.errors]))


async def service_command(
    module: str, environment: Mapping[str, str], *arguments: str, stdin: str = ""
) -> CommandResult:
    """Run `python -m module arguments…` to its end; `stdin` is one line of input."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", module, *arguments),
        env=with_repository(environment),
        cwd=directory_of_the_user(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await process.communicate(f"{stdin}\n".encode() if stdin else b"")
    return CommandResult(
        process.returncode == 0, output.decode(errors="replace").strip(), errors.decode(errors="replace").strip()
    )


def directory_of_the_user(environment: Mapping[str, str]) -> Path | None:
    """Where `make` was called, also by `make -C`: files and commands in settings are named from there."""
    invoked_from = Path(environment.get("INVOKED_FROM") or ".")
    return invoked_from if invoked_from.is_dir() else None


def with_repository(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment with this repository on the module path, so that the services start from any directory.

    Python would import modules of the current directory before those of the repository.
    """
    paths = [str(REPOSITORY), *filter(None, [environment.get("PYTHONPATH")])]
    return {**environment, "PYTHONPATH": os.pathsep.join(paths), "PYTHONSAFEPATH": "1"}


def die_with_parent() -> None:
    """Have Linux send SIGTERM when the parent dies. On other systems only an orderly stop ends the children."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
