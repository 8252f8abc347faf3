"""How to clear a stale registration, client by client: data only, one row per client (interop.md A18).

A client that keeps using a registration which this server no longer has cannot mend that by itself at `/authorize`:
nothing it would read comes back to it. The person can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do in one client; `command` is typed in a terminal, or chosen from a palette."""

    client: str
    action: str
    command: str = ""


REMEDIES: Final = (
    # interop.md C3: registers anew at every fresh connection.
    Remedy("Claude (web, desktop, mobile)", "Remove the connector in the settings, then add it again."),
    # anthropics/claude-code#59460: the registration is kept under the server's name and address; #84614: for good.
    Remedy("Claude Code", "Remove the server and add it again under another name.", "claude mcp remove NAME"),
    # interop.md C1: one registration per connection, then reused.
    Remedy("ChatGPT", "Delete the connection in the settings, then create it again."),
    # microsoft/vscode#250960 and #269379; also in the account menu.
    Remedy(
        "VS Code",
        "Run this from the command palette, choose this server, then connect again.",
        "Authentication: Remove Dynamic Authentication Providers",
    ),
    # interop.md C9.
    Remedy(
        "mcp-remote",
        "Delete what it remembers (of every server it connects to), then start it again.",
        "rm -rf ~/.mcp-auth",
    ),
)
