"""The file of keys: for its owner only, replaced in one step, and the same for all replicas."""

import json
import stat
import subprocess
import sys

import pytest

from devstack.service_process import REPOSITORY
from mcp_service.principal import key_file
from mcp_service.principal.key_file import KeyFile, KeysUnreadable
from mcp_service.principal.key_lifecycle import OVERLAP_SECONDS, first_ring, rotated
from mcp_service.principal.key_pairs import new_own_key

PROCESSES = 6
FIRST_START = """
import asyncio, sys, time
from pathlib import Path
import structlog
from mcp_service.principal.own_keys import StoredKeys
keys = StoredKeys(directory=Path(sys.argv[1]), rotation_interval_seconds=0, log=structlog.get_logger(),
                  clock=time.time, monotonic=time.monotonic)
structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
print("ready", flush=True)
sys.stdin.readline()
asyncio.run(keys.refresh())
print(keys.keys.signing_key.kid, keys.keys.etag)
"""
ROTATION = """
import sys, time
from pathlib import Path
from mcp_service.principal.key_file import KeyFile
from mcp_service.principal.key_lifecycle import TooEarly, rotated
from mcp_service.principal.key_pairs import new_own_key
now = int(time.time())
print("ready", flush=True)
sys.stdin.readline()
try:
    KeyFile(Path(sys.argv[1])).change(lambda ring: rotated(ring, new_own_key(now=now), now=now))
    print("rotated")
except TooEarly:
    print("too early")
"""


def at_once(program, directory):
    """What each of several processes prints that run the program in the same moment."""
    command = [sys.executable, "-c", program, str(directory)]
    started = [
        subprocess.Popen(command, cwd=REPOSITORY, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for process in started:
        assert process.stdout.readline() == "ready\n"
    for process in started:
        process.stdin.write("\n")
        process.stdin.flush()
    printed = [process.communicate(timeout=60)[0].strip() for process in started]
    assert [process.returncode for process in started] == [0] * PROCESSES
    return printed


def first(stored, *, now=1_000):
    return stored or first_ring(new_own_key(now=now), new_own_key(now=now), now=now)


def test_only_the_owner_can_read_the_keys_and_the_directory(tmp_path):
    directory = tmp_path / "state" / "keys"
    KeyFile(directory).change(first)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (directory, *directory.iterdir())}
    assert modes == {"keys": 0o700, "upstream-keys.json": 0o600, "upstream-keys.lock": 0o600}


def test_the_ring_is_read_back_as_it_was_written(tmp_path):
    keys = KeyFile(tmp_path)
    ring = keys.change(first)
    assert keys.read() == ring
    later = 1_000 + OVERLAP_SECONDS
    after = keys.change(lambda _: rotated(ring, new_own_key(now=later), now=later))
    assert keys.read() == after
    assert after.active.kid == ring.pending.kid


def test_a_step_that_changes_nothing_writes_nothing(tmp_path):
    keys = KeyFile(tmp_path)
    keys.change(first)
    before = (tmp_path / "upstream-keys.json").stat().st_ino
    keys.change(first)
    assert (tmp_path / "upstream-keys.json").stat().st_ino == before


def test_a_draft_that_a_crash_left_does_no_harm(tmp_path):
    (tmp_path / "upstream-keys.new").write_text("half a", encoding="utf-8")
    (tmp_path / "upstream-keys.new").chmod(0o644)
    KeyFile(tmp_path).change(first)
    assert stat.S_IMODE((tmp_path / "upstream-keys.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "content", ["", "{}", '{"version": 1, "keys": []}', '{"version": 1, "keys": [{"d": "secret"}]}']
)
def test_a_file_that_holds_no_keys_is_reported_without_its_content(tmp_path, content):
    (tmp_path / "upstream-keys.json").write_text(content, encoding="utf-8")
    with pytest.raises(KeysUnreadable) as refused:
        KeyFile(tmp_path).read()
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__


def test_a_directory_that_cannot_be_made_is_reported(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(KeysUnreadable, match="cannot be"):
        KeyFile(tmp_path / "file" / "keys").change(first)


def test_a_lock_that_another_process_keeps_is_waited_for_within_bounds(tmp_path, monkeypatch):
    monkeypatch.setattr(key_file, "LOCK_SECONDS", 0.05)
    keys = KeyFile(tmp_path)
    with keys._locked(), pytest.raises(KeysUnreadable, match="another process holds"):
        KeyFile(tmp_path).change(first)
    keys.change(first)


def test_replicas_that_start_in_the_same_moment_have_the_same_keys(tmp_path):
    printed = at_once(FIRST_START, tmp_path)
    assert len(set(printed)) == 1
    ring = KeyFile(tmp_path).read()
    assert (ring.version, printed[0].split()[0]) == (1, ring.active.kid)


def test_of_rotations_in_the_same_moment_one_is_made(tmp_path):
    before = KeyFile(tmp_path).change(first)
    assert sorted(at_once(ROTATION, tmp_path)) == ["rotated"] + ["too early"] * (PROCESSES - 1)
    after = json.loads((tmp_path / "upstream-keys.json").read_bytes())
    assert (after["version"], after["keys"][0]["kid"]) == (2, before.pending.kid)
