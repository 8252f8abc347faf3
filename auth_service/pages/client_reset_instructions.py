"""Instructions for clearing a stale registration: data only, one row per client (interop.md A18).

A client whose registration no longer exists cannot recover at `/authorize`: no response reaches it. The user can.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from auth_service.texts import Text, message


@dataclass(frozen=True, slots=True)
class ResetInstruction:
    """The steps for one client; `command` is for a terminal or a command palette."""

    client: str
    action: Text
    command: str = ""


RESET_INSTRUCTIONS: Final = (
    # interop.md C3: registers again for every new connection.
    ResetInstruction(
        "Claude (web, desktop, mobile)", message("Remove the connector in the settings, then add it again.")
    ),
    # anthropics/claude-code#59460: the registration is stored by the server's name and address; #84614: permanently.
    ResetInstruction(
        "Claude Code", message("Remove the server, then add it again under another name."), "claude mcp remove NAME"
    ),
    # interop.md C1: one registration per connection, then reused.
    ResetInstruction("ChatGPT", message("Delete the connection in the settings, then create it again.")),
    # microsoft/vscode#250960 and #269379; also in the account menu.
    ResetInstruction(
        "VS Code",
        message("Run this from the command palette, choose this server, then connect again."),
        "Authentication: Remove Dynamic Authentication Providers",
    ),
    # interop.md C9.
    ResetInstruction(
        "mcp-remote",
        message("Delete its saved sign-ins (for every server), then start it again."),
        "rm -rf ~/.mcp-auth",
    ),
)
