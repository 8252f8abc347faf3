"""`connect`: how each client is connected to the server, as commands and entries that can be pasted."""

from __future__ import annotations

import json
import re
from typing import Final
from urllib.parse import urlsplit

from shared.configured_url import is_loopback_host

_EVERYWHERE: Final = """\
  MCP server   {url}

  Claude Code  claude mcp add --transport http {name} {url}
               then /mcp and Authenticate
  VS Code      code --add-mcp '{vscode}'
               then start the server in the editor
  Cursor       in ~/.cursor/mcp.json: {cursor}"""
_HOSTED: Final = """
  ChatGPT      Settings, Apps & Connectors, Advanced: developer mode on; then Create, and enter the address with OAuth
  Claude       Settings, Connectors, Add custom connector, and enter the address"""
_LOCAL: Final = """
  ChatGPT and Claude on the web reach public addresses only: docs/tunnels.md"""
_CHECK: Final = """
  Any trouble  make doctor URL={url}"""


def how_to_connect(resource: str, server_name: str) -> str:
    """The lines for all clients; those of hosted ones if the address is not of this machine alone."""
    name = client_name(server_name)
    vscode = json.dumps({"name": name, "type": "http", "url": resource}, separators=(",", ":"))
    cursor = json.dumps({"mcpServers": {name: {"url": resource}}})
    everywhere = _EVERYWHERE.format(url=resource, name=name, vscode=vscode, cursor=cursor)
    hosted = _LOCAL if is_loopback_host(urlsplit(resource).hostname or "") else _HOSTED
    return everywhere + hosted + _CHECK.format(url=resource)


def client_name(server_name: str) -> str:
    """The name under which a client adds the server: in lower case, with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", server_name.lower()).strip("-") or "mcp-server"
