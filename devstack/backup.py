"""`make backup TO=…` and `make restore FROM=…`: what `make run` keeps under DATA_DIR, as it is at one moment.

A backup is a directory: `store.rdb`, the snapshot of the store, and the small files that hold secrets, the key that
encrypts the signing keys above all. Who has both can sign as this issuer: it is readable by its owner only.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import redis

from devstack.embedded_store import EmbeddedStore
from devstack.run import KEY_FILE, data_dir_of, only_here
from devstack.service_process import ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable

SNAPSHOT: Final = "store.rdb"
_STORE: Final = "valkey"
_GIVE_UP_SECONDS: Final = 600.0

AFTERWARDS: Final = """\
Restored. Before anybody else uses it, think of what happened after the backup; it is as if it never had:
- a signing key that was revoked since is good again:   keys list, keys revoke KID
- access that was ended since is open again:            grants list, grants revoke GRANT
- people removed and passwords changed are as before:   users list, users remove, users set-password
Clients that refreshed more than once since then, and those that are new, ask their people to sign in.
docs/operations.md says more."""


def save(data_dir: Path, to: Path) -> None:
    """Write a backup; the pair may run meanwhile. Raises ServiceError."""
    if not (data_dir / _STORE / "appendonlydir").exists():
        raise ServiceError(f"{data_dir} holds no store of `make run`")
    to.mkdir(mode=0o700, parents=True, exist_ok=True)
    with EmbeddedStore(data_dir / _STORE) as store:
        take_snapshot(store, to / SNAPSHOT)
    for file in _secrets(data_dir):
        _copy(file, to / file.name)


def load(data_dir: Path, backup: Path) -> None:
    """Put a backup where nothing is yet; the pair must not run. Raises ServiceError."""
    missing = [name for name in (SNAPSHOT, KEY_FILE) if not (backup / name).is_file()]
    if missing:
        raise ServiceError(f"{backup} is no backup: it has no {' and no '.join(missing)}")
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with only_here(data_dir):
        if (data_dir / _STORE).exists():
            raise ServiceError(f"{data_dir} holds a store: move it away first, or choose another with DATA_DIR=…")
        for file in _secrets(backup):
            _copy(file, data_dir / file.name)
        # Last: whoever is broken off before this can begin again.
        place_snapshot(backup / SNAPSHOT, data_dir / _STORE)


def take_snapshot(store: EmbeddedStore, to: Path) -> None:
    """Have the server write its data as of now. Raises ServiceError."""
    with redis.Redis(unix_socket_path=store.url.removeprefix("unix://"), decode_responses=True) as connection:
        # A file that is being rewritten is finished first.
        _wait(lambda: not connection.info("persistence")["aof_rewrite_in_progress"])
        connection.bgsave()
        _wait(lambda: not connection.info("persistence")["rdb_bgsave_in_progress"])
        if connection.info("persistence")["rdb_last_bgsave_status"] != "ok":
            raise ServiceError("the store could not write its snapshot: see valkey.log")
    snapshot = store.directory / "dump.rdb"
    _copy(snapshot, to)
    snapshot.unlink()


def place_snapshot(snapshot: Path, directory: Path) -> None:
    """Make the snapshot the base of an append-only file: beside one, a server reads no dump.rdb."""
    draft = directory.with_name(f"{directory.name}.restoring")
    shutil.rmtree(draft, ignore_errors=True)
    files = draft / "appendonlydir"
    files.mkdir(mode=0o700, parents=True)
    draft.chmod(0o700)
    _copy(snapshot, files / "appendonly.aof.1.base.rdb")
    (files / "appendonly.aof.manifest").write_text("file appendonly.aof.1.base.rdb seq 1 type b\n", encoding="utf-8")
    draft.rename(directory)


def _secrets(directory: Path) -> list[Path]:
    return [f for f in directory.iterdir() if f.name == KEY_FILE or f.name.startswith("password-of-")]


def _copy(source: Path, target: Path) -> None:
    """Replace the target whole, readable by its owner only."""
    draft = target.with_name(target.name + ".new")
    with source.open("rb") as old, os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as new:
        shutil.copyfileobj(old, new)
        new.flush()
        os.fsync(new.fileno())
    draft.replace(target)


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _GIVE_UP_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise ServiceError("the store did not finish its snapshot")
        time.sleep(0.05)


def main() -> int:
    """`save DIRECTORY` or `load DIRECTORY`. Returns the exit code."""
    what, place = sys.argv[1:]
    data_dir = data_dir_of(os.environ)
    try:
        if what == "save":
            save(data_dir, Path(place))
            print(f"Saved in {place}. It holds the key that opens the signing keys: keep it as you keep a key.")
        else:
            load(data_dir, Path(place))
            print(AFTERWARDS)
    except ServiceError as exc:
        print(f"make {'backup' if what == 'save' else 'restore'}: {exc}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
