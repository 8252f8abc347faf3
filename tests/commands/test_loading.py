"""Commands load what they need: in an emergency the seconds of a start count."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["keys", "users"])
def test_a_command_does_not_load_the_web_server(command):
    program = f"import sys, auth_service.commands.{command}; print('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"
