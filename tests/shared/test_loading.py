"""Commands load what they need: in an emergency the seconds of a start count."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["keys", "users"])
def test_a_command_does_not_load_the_web_server(command):
    program = f"import sys, auth_service.commands.{command}; print('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"


def test_a_custom_server_does_not_load_the_redis_client():
    program = """
import sys
from mcp_service.app import build_app
from mcp_service.settings import McpSettings
server = "tests.mcp_service.mixed_server:server"
build_app(McpSettings(issuer="https://auth.example", resource="https://tools.example/mcp", server=server))
print("redis" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, check=True).stdout == b"False\n"
