"""The table of commands."""

from __future__ import annotations

from typing import Final

import typer

from shared.garbage_collection import garbage_collection_paused

with garbage_collection_paused():
    from mcp_service.commands import check_config, connect, keys, scopes, serve

app: Final = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="The command line of mcp_service.",
)
app.command("serve")(serve.serve)
app.command("check-config")(check_config.check_config)
app.command("connect")(connect.connect)
app.command("scopes", help=scopes.HELP)(scopes.scopes)
app.add_typer(keys.app, name="keys")
