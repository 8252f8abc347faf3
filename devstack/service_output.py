"""The output of a service of `make run`: all of it goes to a file, warnings and errors to the terminal too."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Final, TextIO

MAX_BYTES: Final = 5 * 1024 * 1024
"""Of a log file. The one before it is kept beside it under the name with `.1`."""

_READ_BYTES: Final = 65_536
_ENTRY: Final = re.compile(r"\d{4}-\d\d-\d\dT\S+ \[(\w+) *\]")
_QUIET: Final = frozenset({"debug", "info"})


def is_for_terminal(line: str) -> bool:
    """Whether the user has to read a line: a warning, an error, or anything that is no log entry, as a traceback."""
    if line.startswith("{"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            return True
        return str(entry.get("level")) not in _QUIET
    entry = _ENTRY.match(line)
    return entry is None or entry[1] not in _QUIET


class LogFile:
    """A file that is readable by its owner only, and of bounded size."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes

    def append(self, lines: bytes) -> None:
        """Append whole lines. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size + len(lines) > self._max_bytes:
                self.path.replace(self.path.with_name(f"{self.path.name}.1"))
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines)


class ServiceOutput:
    """Reads the standard output and error of one service in the running event loop."""

    def __init__(self, name: str, file: LogFile, *, terminal: TextIO | None = None) -> None:
        """Lines for the terminal begin with `name`."""
        self.file = file
        self._name = name
        self._terminal = terminal or sys.stderr
        self._incomplete = b""
        self._muted = False
        self._ended = asyncio.Event()

    def open(self) -> int:
        """The descriptor that a new process writes to; the caller closes its copy."""
        self._ended.clear()
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        asyncio.get_running_loop().add_reader(read_end, self._read, read_end)
        return write_end

    def mute(self) -> None:
        """Write to the file only: during a stop each service warns that it cannot reach the other."""
        self._muted = True

    async def end(self, *, timeout_seconds: float = 2.0) -> None:
        """Wait until everything has been read: the process, and whatever it started, has closed its end."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ended.wait(), timeout_seconds)

    def _read(self, read_end: int) -> None:
        data = os.read(read_end, _READ_BYTES)
        whole, newline, rest = (self._incomplete + data).rpartition(b"\n")
        if not data:
            asyncio.get_running_loop().remove_reader(read_end)
            os.close(read_end)
            self._ended.set()
            whole, newline, rest = self._incomplete, b"\n" if self._incomplete else b"", b""
        elif len(rest) > _READ_BYTES:
            whole, newline, rest = whole + newline + rest, b"\n", b""
        self._incomplete = rest
        if newline:
            self._take(whole + newline)

    def _take(self, lines: bytes) -> None:
        try:
            self.file.append(lines)
        except OSError as exc:
            # A full disk must not end the services.
            print(f"{self.file.path}: {exc.strerror}", file=self._terminal, flush=True)
        for line in lines.decode(errors="replace").splitlines():
            if not self._muted and is_for_terminal(line):
                print(f"{self._name}: {line}", file=self._terminal, flush=True)
