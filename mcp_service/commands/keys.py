"""`keys`: the keys that sign assertions for the server at MCP_UPSTREAM."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

import typer

if TYPE_CHECKING:
    from mcp_service.principal.key_file import KeyFile
    from mcp_service.principal.key_lifecycle import OwnKeys

app: Final = typer.Typer(
    add_completion=False, no_args_is_help=True, help="The keys that sign assertions for MCP_UPSTREAM."
)


@app.command("list")
def list_keys() -> None:
    """List the keys in MCP_STATE_DIR: kid, state, and when the state began or ends."""
    ring = _read(_key_file())
    for key in ring.keys:
        if key.remove is not None:
            when = f"removed after {_time(key.remove)}"
        else:
            when = f"signs since {_time(key.activated)}" if key.activated else f"published since {_time(key.published)}"
        typer.echo(f"{key.kid}  {key.state.value:<8}  {when}")


@app.command()
def rotate() -> None:
    """Let the pending key sign, and publish a new pending one. Replicas follow within seconds, without a restart."""
    from mcp_service.principal.key_file import KeysUnreadable
    from mcp_service.principal.key_lifecycle import TooEarly, rotated
    from mcp_service.principal.key_pairs import new_own_key

    key_file = _key_file()
    _read(key_file)

    def step(stored: OwnKeys | None) -> OwnKeys:
        if stored is None:
            raise KeysUnreadable("there are no keys")
        now = int(time.time())
        return rotated(stored, new_own_key(now=now), now=now)

    try:
        ring = key_file.change(step)
    except TooEarly as exc:
        _refuse(f"The pending key was published too recently: readers may not have it. Try again in {exc.seconds} s.")
    except KeysUnreadable as exc:
        _refuse(str(exc))
    typer.echo(f"{ring.active.kid} signs from now on")


@app.command()
def new() -> None:
    """Print a new private key for MCP_UPSTREAM_KEY_FILE. It is secret."""
    from mcp_service.principal.key_pairs import new_own_key

    key = new_own_key(now=int(time.time()))
    typer.echo(json.dumps({**(key.private or {}), "kid": key.kid, "alg": "ES256", "use": "sig"}))


def _key_file() -> KeyFile:
    from mcp_service.principal.key_file import KeyFile
    from mcp_service.settings import McpSettings
    from shared.errors import Misconfigured

    try:
        settings = McpSettings.from_environment()
    except Misconfigured as exc:
        _refuse(str(exc))
    if settings.state_dir is None:
        _refuse("MCP_STATE_DIR is not set: there are no keys that this command could read")
    return KeyFile(Path(settings.state_dir))


def _read(key_file: KeyFile) -> OwnKeys:
    from mcp_service.principal.key_file import KeysUnreadable

    try:
        ring = key_file.read()
    except KeysUnreadable as exc:
        _refuse(str(exc))
    if ring is None:
        _refuse("There are no keys yet: mcp_service makes them at its first start")
    return ring


def _time(seconds: int | None) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _refuse(reason: str) -> NoReturn:
    typer.echo(reason, err=True)
    raise typer.Exit(2)
