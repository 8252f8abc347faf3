"""The text that `make run` prints when both services answer. Every command in it can be pasted as it stands."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcp_service.pages.client_setup import client_setups

_LONGEST_START_SECONDS = 3600.0


@dataclass(frozen=True, slots=True)
class Announcement:
    """The facts about the running pair."""

    server: str
    """The MCP server behind the guard, as protected_server.py describes it."""
    name: str
    """The name under which a client adds the server."""
    resource: str
    issuer: str
    data_dir: Path
    command_prefix: str
    """Variables that a command of make needs to find this pair; empty, or ending in a space."""
    logs: Sequence[Path]
    how_to_sign_in: str
    tunnel_to: str = ""
    """The address to which a tunnel forwards; empty without a public address."""

    def text(self, *, waited_seconds: float) -> str:
        """The text. Its last line begins with `ready`: programs wait for it."""
        command = {s.client: s.copied for s in client_setups(name=self.name, resource=self.resource)}
        tunnel = f"\n  Forward the tunnel to    {self.tunnel_to}" if self.tunnel_to else ""
        return f"""
  Server                   {self.server}{tunnel}
  Logs                     {" ".join(map(str, self.logs))}
                           (warnings and errors are printed here too)
  Data and secrets         {self.data_dir}
  Your account             {self.issuer}/account

  Claude Code              {command["Claude Code"]}
  VS Code                  {command["VS Code"]}
  A token for curl         {self.command_prefix}make token

  Point an MCP client at   {self.resource}
{self.how_to_sign_in}

ready after {waited_seconds:.0f} s. Ctrl-C stops all.
"""


def command_prefix(environment: Mapping[str, str], data_dir: Path) -> str:
    """The variables that a command of make needs to find the data of this pair, ending in a space; empty by default."""
    return f"DATA_DIR={shlex.quote(str(data_dir))} " if environment.get("DATA_DIR") else ""


def waited_seconds(environment: Mapping[str, str], *, started_at: float, now: float | None = None) -> float:
    """Seconds since make was called, installation included; without MAKE_STARTED_AT of the Makefile since `started_at`.

    All times in seconds since 1970.
    """
    now = time.time() if now is None else now
    try:
        called_at = float(environment.get("MAKE_STARTED_AT", ""))
    except ValueError:
        called_at = started_at
    # A variable left over from an earlier call tells nothing.
    return now - called_at if 0 <= now - called_at < _LONGEST_START_SECONDS else now - started_at
