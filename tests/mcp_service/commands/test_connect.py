"""`connect`: what an operator passes on to the users of a server."""

import json
import os
import re
import subprocess
import sys

import pytest

from mcp_service.commands.connect import how_to_connect


def test_every_client_is_told_the_address_of_the_server():
    said = how_to_connect("https://mcp.example.com/mcp", "My Weather!")
    assert "claude mcp add --transport http my-weather https://mcp.example.com/mcp\n" in said
    added = json.loads(re.search(r"code --add-mcp '(.*)'\n", said)[1])
    assert added == {"name": "my-weather", "type": "http", "url": "https://mcp.example.com/mcp"}
    entry = json.loads(re.search(r"mcp\.json\.\n(.*?)\n\n", said, re.DOTALL)[1])
    assert entry == {"mcpServers": {"my-weather": {"url": "https://mcp.example.com/mcp"}}}
    assert said.endswith("make doctor URL=https://mcp.example.com/mcp")


@pytest.mark.parametrize(
    ("resource", "hosted"),
    [
        ("https://mcp.example.com/mcp", True),
        ("http://localhost:8080/mcp", False),
        ("http://127.0.0.1:8080/mcp", False),
        ("http://[::1]:8080/mcp", False),
    ],
)
def test_hosted_clients_are_told_of_for_a_public_address_only(resource, hosted):
    said = how_to_connect(resource, "Weather")
    assert ("Developer mode" in said) is hosted
    assert ("docs/tunnels.md" in said) is not hosted


def test_the_command_names_the_server_by_its_own_name():
    environment = {
        "MCP_ISSUER": "https://auth.example.com",
        "MCP_RESOURCE": "https://mcp.example.com/mcp",
        "MCP_RESOURCE_NAME": "My weather",
        "PATH": os.environ["PATH"],
    }
    command = [sys.executable, "-m", "mcp_service", "connect"]
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "http my-weather https://mcp.example.com/mcp" in told.stdout
    assert told.stderr == ""
