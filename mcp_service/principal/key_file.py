"""The file of the guard's own keys, in a directory that replicas may share; readable by its owner only.

A change is made under a lock of the file system and replaces the file in one step, so that replicas agree and a reader
never meets half a file.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from pydantic import TypeAdapter, ValidationError

from mcp_service.principal.key_lifecycle import OwnKeys

if TYPE_CHECKING:
    from pathlib import Path

LOCK_SECONDS: Final = 10.0
"""How long another replica may take for its change."""
_LOCK_POLL_SECONDS: Final = 0.02

_RING: Final = TypeAdapter(OwnKeys)


class KeysUnreadable(Exception):
    """The directory or its file cannot be used. The text is for the operator and holds no key."""


class KeyFile:
    """The file `upstream-keys.json`. Every method blocks on the file system."""

    def __init__(self, directory: Path) -> None:
        self._file = directory / "upstream-keys.json"
        self._lock_file = directory / "upstream-keys.lock"

    def read(self) -> OwnKeys | None:
        """The stored ring; None before the first start. Raises KeysUnreadable."""
        try:
            return _RING.validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise KeysUnreadable(f"{self._file} cannot be read: {exc.strerror}") from exc
        except ValidationError:
            # Without its text and its cause: both hold what the file holds.
            raise KeysUnreadable(f"{self._file} does not hold the keys of this service") from None

    def change(self, step: Callable[[OwnKeys | None], OwnKeys]) -> OwnKeys:
        """Apply one step to the stored ring and store what is new; the ring afterwards. Raises KeysUnreadable."""
        try:
            with self._locked():
                stored = self.read()
                ring = step(stored)
                if ring is not stored:
                    self._write(ring)
                return ring
        except OSError as exc:
            raise KeysUnreadable(f"{self._file.parent} cannot be written: {exc.strerror}") from exc

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The lock is on a file that is never replaced.
        lock = os.open(self._lock_file, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + LOCK_SECONDS
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as exc:
                    if time.monotonic() > deadline:
                        raise KeysUnreadable(f"another process holds {self._lock_file}") from exc
                    time.sleep(_LOCK_POLL_SECONDS)
            yield
        finally:
            os.close(lock)

    def _write(self, ring: OwnKeys) -> None:
        draft = self._file.with_suffix(".new")
        # A draft that is left of a crash may have another mode.
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_RING.dump_json(ring))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._file)
        directory = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
