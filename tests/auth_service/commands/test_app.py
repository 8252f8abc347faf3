"""The command line as a whole."""

import asyncio
import subprocess
import sys

import pytest

from auth_service.commands.app import COMMANDS
from shared.redis.single import SingleRedisClient


def test_the_help_lists_every_command_and_the_exit_status(commands):
    output = commands.run("--help").stdout
    for name in COMMANDS:
        assert name in output
    assert "Exit status" in output


def test_an_unknown_command_is_wrong_usage(commands):
    assert commands.run("frobnicate").exit_code == 2


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(commands, name):
    result = commands.run(name, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_a_command_does_not_load_the_web_server():
    code = (
        "import sys; from auth_service.commands.app import app\n"
        "try: app(['users', '--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('auth_service.app', 'jinja2', 'uvloop') if m in sys.modules])"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.splitlines()[-1] == "[]"


@pytest.mark.parametrize("given", ["--IyUs9xq1T2aWnGkYb0dPA", "-IyUs9xq1T2aWnGkYb0dPAQ"])
def test_an_identifier_that_begins_with_a_dash_goes_after_two_dashes(commands, given):
    refused = commands.run("grants", "revoke", given, "--yes")
    assert refused.exit_code == 2
    assert "goes after '--'" in " ".join(refused.stderr.replace("│", " ").split())
    missing = commands.run("grants", "revoke", "--yes", "--", given)
    assert (missing.exit_code, "no such grants" in missing.stderr) == (1, True)


def test_a_mistyped_option_is_not_taken_for_an_identifier(commands):
    assert "goes after" not in commands.run("grants", "list", "--usr", "ada").stderr


def test_a_command_refuses_data_of_another_format(commands, environment):
    async def write_another():
        store = SingleRedisClient(environment["AUTH_REDIS_URL"])
        await store.command("SET", "sp:{data}:format", 99)
        await store.close()

    asyncio.run(write_another())
    result = commands.run("users", "list")
    assert result.exit_code == 4
    assert "has format 99" in " ".join(result.stderr.split())
