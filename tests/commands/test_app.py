"""The command line as a whole."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

from auth_service.commands.app import COMMANDS, _module

LANDED = [name for name in COMMANDS if find_spec(_module(name))]


def test_the_help_lists_every_command_and_the_exit_status(commands):
    output = commands.run("--help").stdout
    for name in LANDED:
        assert name in output
    assert "Exit status" in output


def test_an_unknown_command_is_wrong_usage(commands):
    assert commands.run("frobnicate").exit_code == 2


@pytest.mark.parametrize("name", LANDED)
def test_every_command_explains_itself(commands, name):
    result = commands.run(name, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_a_command_does_not_load_the_web_server():
    code = (
        "import sys; from auth_service.commands.app import app\n"
        "try: app(['users', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('aiohttp.web', 'jinja2', 'uvloop') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"
