"""`make backup TO=…` and `make restore FROM=…`: the data of `make run` under DATA_DIR, at one moment.

A backup is a directory with `store.rdb`, the snapshot of Valkey, and the files with secrets, above all the key
encryption key. Both together allow signing as this issuer: the directory is readable by its owner only.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import redis

from devstack.embedded_store import EmbeddedStore
from devstack.environment import current_environment
from devstack.run import KEY_FILE, RESTORED_FILE, data_dir_of, exclusive_use
from devstack.service_process import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SNAPSHOT: Final = "store.rdb"
_STORE: Final = "valkey"
_TIMEOUT_SECONDS: Final = 600.0

RESTORED: Final = """\
Restored. Changes since the backup are undone. Before others use the service, repeat those that matter:
- signing keys revoked since then are valid again:    make auth ARGS="keys list"
                                                      make auth ARGS="keys revoke KID"
- grants revoked since then are active again:         make auth ARGS="grants list"
                                                      make auth ARGS="grants revoke GRANT"
- removed users and changed passwords are as before:  make auth ARGS="users list"
                                                      make auth ARGS="users remove NAME"
                                                      make auth ARGS="users set-password NAME"
Users of clients that refreshed more than once since then, and of new clients, sign in again.
The next `make run`, which these commands need, opens new status lists. See docs/operations.md."""


def save(data_dir: Path, to: Path) -> None:
    """Write a backup into a new or empty directory; the services may run. Leaves nothing behind if it fails.

    Raises ServiceError.
    """
    if not (data_dir / _STORE / "appendonlydir").exists():
        raise ServiceError(f"{data_dir} contains no data of `make run`")
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise ServiceError(f"{to} is not empty, and a backup replaces nothing: name another directory")
    with _new_directory(to), EmbeddedStore(data_dir / _STORE) as store:
        take_snapshot(store, to / SNAPSHOT)
        for file in _secrets(data_dir):
            _copy(file, to / file.name)


def restore(data_dir: Path, backup: Path) -> None:
    """Restore a backup into a DATA_DIR without data; the services must not run. Raises ServiceError."""
    missing = [name for name in (SNAPSHOT, KEY_FILE) if not (backup / name).is_file()]
    if missing:
        raise ServiceError(f"{backup} is no backup: it has no {' and no '.join(missing)}")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with exclusive_use(data_dir):
        if (data_dir / _STORE).exists():
            raise ServiceError(
                f"{data_dir} contains data: move it away first, or choose another directory with DATA_DIR=…"
            )
        for file in _secrets(backup):
            _copy(file, data_dir / file.name)
        (data_dir / RESTORED_FILE).touch()
        # Last: a restore that is interrupted before this can be repeated.
        place_snapshot(backup / SNAPSHOT, data_dir / _STORE)


def take_snapshot(store: EmbeddedStore, to: Path) -> None:
    """Write a snapshot of the current data. Raises ServiceError."""
    with redis.Redis(unix_socket_path=store.url.removeprefix("unix://"), decode_responses=True) as connection:
        # A rewrite of the append-only file in progress is finished first.
        _wait(lambda: not connection.info("persistence")["aof_rewrite_in_progress"])
        connection.bgsave()
        _wait(lambda: not connection.info("persistence")["rdb_bgsave_in_progress"])
        if connection.info("persistence")["rdb_last_bgsave_status"] != "ok":
            raise ServiceError("Valkey could not write its snapshot: see valkey.log")
    snapshot = store.directory / "dump.rdb"
    _copy(snapshot, to)
    snapshot.unlink()


def place_snapshot(snapshot: Path, directory: Path) -> None:
    """Make the snapshot the base of an append-only file: with one, the server does not read dump.rdb."""
    draft = directory.with_name(f"{directory.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    files = draft / "appendonlydir"
    files.mkdir(mode=0o700, parents=True)
    draft.chmod(0o700)
    _copy(snapshot, files / "appendonly.aof.1.base.rdb")
    (files / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n", encoding="utf-8")
    draft.rename(directory)


@contextmanager
def _new_directory(directory: Path) -> Iterator[None]:
    """Create the directory if it does not exist; empty it, or remove it, if the block fails."""
    is_new = not directory.exists()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for file in directory.iterdir():
            file.unlink()
        if is_new:
            directory.rmdir()
        raise


def _secrets(directory: Path) -> list[Path]:
    return [f for f in directory.iterdir() if f.name == KEY_FILE or f.name.startswith("password-of-")]


def _copy(source: Path, target: Path) -> None:
    """Replace the target atomically, readable by its owner only."""
    draft = target.with_name(target.name + ".new")
    with source.open("rb") as old, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(target)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError("Valkey did not finish its snapshot")
        time.sleep(0.05)


def main() -> int:
    """`save DIRECTORY` or `restore DIRECTORY`. Returns the exit code."""
    action, directory = sys.argv[1:]
    data_dir = data_dir_of(current_environment().values)
    try:
        if action == "save":
            save(data_dir, Path(directory))
            print(f"Saved in {directory}. It contains the key encryption key: protect it like a secret.")
        else:
            restore(data_dir, Path(directory))
            print(RESTORED)
    except ServiceError as exc:
        print(f"make {'backup' if action == 'save' else 'restore'}: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
