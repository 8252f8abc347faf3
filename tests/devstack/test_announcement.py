"""The text that `make run` prints when it is ready."""

import json
import re
import shlex
from pathlib import Path

import pytest

from devstack.announcement import Announcement, command_prefix, waited_seconds
from devstack.protected_server import describe_server

TEXT = Announcement(
    server="Weather (./weather.py:server)",
    name="weather",
    resource="http://localhost:9101/mcp",
    issuer="http://localhost:9100",
    data_dir=Path("/data"),
    command_prefix="",
    logs=[Path("/data/auth_service.log"), Path("/data/mcp_service.log")],
    how_to_sign_in="  Sign in as               demo\n  with the password        x3f8-p9km",
).text(waited_seconds=12.4)


def test_the_last_lines_are_the_address_the_user_the_password_and_ready():
    lines = [line for line in TEXT.splitlines() if line]
    assert [line.split()[-1] for line in lines[-4:-1]] == ["http://localhost:9101/mcp", "demo", "x3f8-p9km"]
    assert lines[-1].startswith("ready after 12 s")


def test_the_commands_of_clients_can_be_pasted_with_the_name_and_the_address_of_this_server():
    assert "claude mcp add --transport http weather http://localhost:9101/mcp\n" in TEXT
    words = shlex.split(re.search(r"code --add-mcp .*", TEXT)[0])
    assert json.loads(words[2]) == {"name": "weather", "type": "http", "url": "http://localhost:9101/mcp"}


def test_the_announcement_names_the_log_files_and_the_server():
    assert "/data/auth_service.log" in TEXT
    assert "/data/mcp_service.log" in TEXT
    assert "Weather (./weather.py:server)" in TEXT


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MCP_SERVER": "./weather.py:server"}, "Own (./weather.py:server)"),
        ({"MCP_UPSTREAM": "http://127.0.0.1:3000/mcp?key=not-to-be-shown"}, "Own (http://127.0.0.1:3000/mcp)"),
        ({"MCP_UPSTREAM": "http://me:not-to-be-shown@127.0.0.1:3000/mcp"}, "Own (http://127.0.0.1:3000/mcp)"),
        ({"MCP_UPSTREAM_COMMAND": "npx -y @acme/server --key not-to-be-shown"}, "Own (npx @acme/server)"),
        ({"MCP_UPSTREAM_COMMAND": "/usr/bin/python3 -m weather"}, "Own (/usr/bin/python3 weather)"),
        ({"MCP_UPSTREAM_COMMAND": "acme-server not-to-be-shown"}, "Own (acme-server)"),
        ({"MCP_UPSTREAM_COMMAND": "env KEY=not-to-be-shown server"}, "Own (env)"),
        ({"MCP_UPSTREAM_COMMAND": "'"}, "Own (MCP_UPSTREAM_COMMAND)"),
    ],
)
def test_the_server_is_named_by_its_setting_without_what_may_be_a_key(settings, said):
    assert describe_server(settings, '[{"name": "Own"}]') == said


def test_the_server_is_the_example_unless_one_is_set():
    assert describe_server({}, "").startswith("Notes (the example")


@pytest.mark.parametrize(
    ("environment", "seconds"),
    [({"MAKE_STARTED_AT": "900"}, 100), ({}, 10), ({"MAKE_STARTED_AT": ""}, 10), ({"MAKE_STARTED_AT": "-9999"}, 10)],
)
def test_the_wait_is_counted_from_the_call_of_make(environment, seconds):
    assert waited_seconds(environment, started_at=990, now=1000) == seconds


def test_the_commands_name_another_data_directory():
    assert command_prefix({}, Path("/repository/.data")) == ""
    assert command_prefix({"DATA_DIR": "my data"}, Path("/my data")) == "DATA_DIR='/my data' "
