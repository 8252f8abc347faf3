"""How each client adds the server: commands, files and links that work as they stand."""

import base64
import json
import shlex
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from mcp_service.pages.client_setup import client_setups, is_public_address, name_in_clients

RESOURCE = "https://mcp.example.com/mcp"


def setup_of(client, resource=RESOURCE):
    (found,) = [s for s in client_setups(name="Ada's Notes!", resource=resource) if s.client == client]
    return found


@pytest.mark.parametrize(
    ("resource", "public"),
    [
        (RESOURCE, True),
        ("https://8.8.8.8/mcp", True),
        ("http://localhost:9001/mcp", False),
        ("https://localhost/mcp", False),
        ("https://127.0.0.1/mcp", False),
        ("https://[::1]/mcp", False),
        ("https://10.0.0.5/mcp", False),
        ("https://mcp/mcp", False),
        ("https://mcp.internal/mcp", False),
        ("https://mcp.local/mcp", False),
        ("https://mcp.home.arpa/mcp", False),
    ],
)
def test_an_address_is_public_if_a_hosted_client_may_reach_it(resource, public):
    assert is_public_address(resource) is public
    assert any(s.client == "ChatGPT" for s in client_setups(name="n", resource=resource)) is public


@pytest.mark.parametrize(
    ("name", "shown"),
    [("Notes", "notes"), ("Ada's Notes!", "ada-s-notes"), ("東京", "mcp-server"), ("  ", "mcp-server")],
)
def test_the_name_in_clients_needs_no_quotes(name, shown):
    assert name_in_clients(name) == shown


def test_the_command_of_claude_code_adds_the_address():
    assert shlex.split(setup_of("Claude Code").copied) == [
        *("claude", "mcp", "add", "--transport", "http", "ada-s-notes", RESOURCE)
    ]


def test_an_address_with_characters_of_the_shell_stays_one_argument():
    resource = "https://mcp.example.com/a;b&c$(d)'e"
    assert shlex.split(setup_of("Claude Code", resource).copied)[-1] == resource
    assert json.loads(shlex.split(setup_of("VS Code", resource).copied)[-1])["url"] == resource


def test_the_command_and_the_link_of_vs_code_add_the_same_server():
    setup = setup_of("VS Code")
    entry = {"name": "ada-s-notes", "type": "http", "url": RESOURCE}
    assert json.loads(shlex.split(setup.copied)[-1]) == entry
    address, _, query = setup.link.partition("?")
    assert address == "vscode:mcp/install"
    assert json.loads(unquote(query)) == entry


def test_the_file_and_the_link_of_cursor_add_the_same_server():
    setup = setup_of("Cursor")
    assert json.loads(setup.copied) == {"mcpServers": {"ada-s-notes": {"url": RESOURCE}}}
    link = urlsplit(setup.link)
    assert (link.scheme, link.netloc, link.path) == ("cursor", "anysphere.cursor-deeplink", "/mcp/install")
    query = parse_qs(link.query)
    assert query["name"] == ["ada-s-notes"]
    assert json.loads(base64.b64decode(query["config"][0])) == {"url": RESOURCE}
