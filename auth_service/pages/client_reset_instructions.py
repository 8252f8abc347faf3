"""Instructions for clearing a stale registration: data only, one row per client (interop.md A18).

A client whose registration no longer exists cannot recover at `/authorize`: no response reaches it. The user can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class ResetInstruction:
    """The steps for one client; `command` is for a terminal or a command palette."""

    client: str
    action: str
    command: str = ""


RESET_INSTRUCTIONS: Final = (
    # interop.md C3: registers again for every new connection.
    ResetInstruction("Claude (web, desktop, mobile)", "Remove the connector in the settings, then add it again."),
    # anthropics/claude-code#59460: the registration is stored by the server's name and address; #84614: permanently.
    ResetInstruction("Claude Code", "Remove the server and add it again under another name.", "claude mcp remove NAME"),
    # interop.md C1: one registration per connection, then reused.
    ResetInstruction("ChatGPT", "Delete the connection in the settings, then create it again."),
    # microsoft/vscode#250960 and #269379; also in the account menu.
    ResetInstruction(
        "VS Code",
        "Run this from the command palette, choose this server, then connect again.",
        "Authentication: Remove Dynamic Authentication Providers",
    ),
    # interop.md C9.
    ResetInstruction(
        "mcp-remote",
        "Delete what it remembers (of every server it connects to), then start it again.",
        "rm -rf ~/.mcp-auth",
    ),
)
