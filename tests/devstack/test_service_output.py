"""The lines of the services that `make run` prints, and those that go to their log files only."""

import asyncio
import io
import os
import stat

import pytest

from devstack.service_output import LogFile, ServiceOutput, is_for_terminal
from devstack.service_process import ServiceProcess

INFO = "2026-11-27T10:10:02.638447Z [info     ] request                        method=GET route=/token status=200"
WARNING = "2026-11-27T10:10:14.787117Z [warning  ] jwks_refresh_failed            failures=1"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (INFO, False),
        ('{"event": "request", "level": "info"}', False),
        ('{"event": "request", "level": "debug"}', False),
        (WARNING, True),
        ('{"event": "store_lost", "level": "error"}', True),
        ("Traceback (most recent call last):", True),
        ("{not json", True),
    ],
)
def test_the_terminal_shows_warnings_errors_and_what_is_no_log_entry(line, shown):
    assert is_for_terminal(line) is shown


@pytest.mark.parametrize("line", ['{"level": []}', '{"a":' * 100_000], ids=["level", "depth"])
def test_the_terminal_shows_json_that_is_no_log_entry(line):
    assert is_for_terminal(line)


def test_a_log_file_is_for_its_owner_only_and_is_bounded(tmp_path):
    file = LogFile(tmp_path / "service.log", max_bytes=100)
    for number in range(10):
        file.append(f"{number}{'x' * 38}\n".encode())
    kept = sorted(tmp_path.iterdir())
    assert [path.name for path in kept] == ["service.log", "service.log.1"]
    assert all(path.stat().st_size <= 100 for path in kept)
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert file.path.read_text().startswith("8")


async def test_the_output_of_a_process_is_filed_whole_and_the_terminal_names_the_service(tmp_path):
    terminal = io.StringIO()
    output = ServiceOutput("auth_service", LogFile(tmp_path / "log"), terminal=terminal)
    program = (
        f"import sys; print({INFO!r}); print({WARNING!r}, file=sys.stderr, flush=True); print('no newline', end='')"
    )
    process = ServiceProcess("auth_service", ["-c", program], dict(os.environ), host="", port=0, log=output)
    process.spawn()
    assert await process.ended() == 0
    await output.end()
    assert sorted((tmp_path / "log").read_text().splitlines()) == sorted([INFO, WARNING, "no newline"])
    assert sorted(terminal.getvalue().splitlines()) == [f"auth_service: {WARNING}", "auth_service: no newline"]


async def test_a_log_file_that_cannot_be_written_does_not_end_a_service(tmp_path):
    terminal = io.StringIO()
    output = ServiceOutput("mcp_service", LogFile(tmp_path / "missing" / "log"), terminal=terminal)
    process = ServiceProcess("m", ["-c", f"print({WARNING!r})"], dict(os.environ), host="", port=0, log=output)
    process.spawn()
    await asyncio.gather(process.ended(), output.end())
    assert WARNING in terminal.getvalue()
    assert "No such file or directory" in terminal.getvalue()


async def test_during_a_stop_the_terminal_is_quiet(tmp_path):
    terminal = io.StringIO()
    output = ServiceOutput("mcp_service", LogFile(tmp_path / "log"), terminal=terminal)
    output.mute()
    process = ServiceProcess("m", ["-c", f"print({WARNING!r})"], dict(os.environ), host="", port=0, log=output)
    process.spawn()
    await asyncio.gather(process.ended(), output.end())
    assert (terminal.getvalue(), WARNING in (tmp_path / "log").read_text()) == ("", True)
