"""The setup of each client: what its user enters, copies or opens. Pure."""

from __future__ import annotations

import base64
import json
import re
import shlex
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, urlsplit

from shared.configured_url import is_loopback_host
from shared.ip_addresses import is_public, parse_ip_address

_PRIVATE_NAMES: Final = (".localhost", ".local", ".internal", ".test", ".home.arpa")
"""Names that no public resolver knows (RFC 6761, RFC 6762, RFC 8375)."""


@dataclass(frozen=True, slots=True)
class ClientSetup:
    """The steps of one client. `copied` is text to copy, `link` opens the client by its scheme; either may be empty."""

    client: str
    steps: str
    copied: str = ""
    link: str = ""


def client_setups(*, name: str, resource: str) -> tuple[ClientSetup, ...]:
    """The clients that can reach the resource. `name` is its display name, `resource` its URL."""
    hosted = _hosted_clients() if is_public_address(resource) else ()
    return (*hosted, *_clients_of_this_device(name_in_clients(name), resource))


def is_public_address(resource: str) -> bool:
    """Whether a client that is hosted on the internet may reach a configured URL, as far as its text tells."""
    parts = urlsplit(resource)
    host = parts.hostname or ""
    if parts.scheme != "https" or is_loopback_host(host):
        return False
    address = parse_ip_address(host)
    if address is not None:
        return is_public(address)
    return "." in host and not host.endswith(_PRIVATE_NAMES)


def name_in_clients(name: str) -> str:
    """The name under which clients list the server: the display name in lower case, with hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "mcp-server"


def _hosted_clients() -> tuple[ClientSetup, ...]:
    return (
        ClientSetup("Claude", "On claude.ai or in the desktop app: Settings → Connectors → Add custom connector."),
        ClientSetup(
            "ChatGPT",
            "Settings → Apps → Advanced settings: turn on Developer mode. Then Create app with this address and OAuth.",
        ),
    )


def _clients_of_this_device(name: str, resource: str) -> tuple[ClientSetup, ...]:
    entry = {"name": name, "type": "http", "url": resource}
    added = base64.b64encode(_json({"url": resource}).encode()).decode("ascii")
    return (
        ClientSetup(
            "Claude Code",
            "Run this command, then /mcp in Claude Code, and choose Authenticate.",
            f"claude mcp add --transport http {name} {shlex.quote(resource)}",
        ),
        ClientSetup(
            "VS Code",
            "Run this command, then start the server in the editor.",
            f"code --add-mcp {shlex.quote(_json(entry))}",
            f"vscode:mcp/install?{quote(_json(entry), safe='')}",
        ),
        ClientSetup(
            "Cursor",
            "Add this to ~/.cursor/mcp.json.",
            json.dumps({"mcpServers": {name: {"url": resource}}}, indent=2),
            f"cursor://anysphere.cursor-deeplink/mcp/install?name={name}&config={quote(added, safe='')}",
        ),
    )


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
