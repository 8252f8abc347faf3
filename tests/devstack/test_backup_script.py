"""`make compose-backup`, with a stand-in for docker compose."""

import os
import stat
import subprocess

import pytest

from devstack.service_process import REPOSITORY


@pytest.fixture
def compose(tmp_path):
    """Answers as the containers would; fails for the service that FAILING names."""
    stand_in = tmp_path / "compose"
    stand_in.write_text(
        '#!/bin/sh\nfor word; do test "$word" != "$FAILING" || exit 1; done\necho "data of $*" | head -c 30\n'
    )
    stand_in.chmod(0o700)
    return stand_in


def save(compose, to, *, failing="none"):
    return subprocess.run(
        [REPOSITORY / "deploy/backup.sh", "save", str(to)],
        env={**os.environ, "COMPOSE": str(compose), "FAILING": failing},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_backup_is_readable_by_its_owner_only(compose, tmp_path):
    done = save(compose, tmp_path / "deep" / "backup")
    assert done.returncode == 0, done.stderr
    files = {f.name: stat.S_IMODE(f.stat().st_mode) for f in (tmp_path / "deep" / "backup").iterdir()}
    assert files == {"store.rdb": 0o600, "key-encryption-key": 0o600}


def test_a_second_backup_to_the_same_place_is_refused_and_changes_nothing(compose, tmp_path):
    save(compose, tmp_path / "backup")
    before = (tmp_path / "backup" / "store.rdb").stat()
    refused = save(compose, tmp_path / "backup")
    assert refused.returncode == 1
    assert refused.stderr == f"{tmp_path}/backup is not empty, and a backup replaces nothing: name another directory\n"
    assert (tmp_path / "backup" / "store.rdb").stat() == before


@pytest.mark.parametrize("failing", ["store", "secrets"])
@pytest.mark.parametrize("exists", [True, False])
def test_a_backup_that_fails_leaves_nothing_behind(compose, tmp_path, failing, exists):
    if exists:
        (tmp_path / "backup").mkdir()
    assert save(compose, tmp_path / "backup", failing=failing).returncode != 0
    assert list(tmp_path.glob("backup/*")) == []
    assert (tmp_path / "backup").exists() == exists
