"""The table of commands. Each has its own module, which is imported when the command is run or listed in the help."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import typer
from typer._click.exceptions import NoSuchOption
from typer.core import TyperGroup
from typer.main import get_command

from shared.garbage_collection import garbage_collection_paused

if TYPE_CHECKING:
    from typer._click.core import Command, Context

COMMANDS: Final = ("serve", "check-config", "users", "clients", "grants", "tokens", "keys", "audit", "explain")
"""The commands. Each is the attribute `app`, a typer.Typer, of the module with this name in this package."""


_LONGEST_OPTION: Final = len("--allow-weak-password")


class _Commands(TyperGroup):
    """Imports the module of a command on demand: `users list` does not load the web server."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002 - the signature is typer's
        return list(COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002 - the signature is typer's
        if cmd_name not in COMMANDS:
            return None
        with garbage_collection_paused():
            module = import_module(_module(cmd_name))
        command = get_command(module.app)
        command.name = cmd_name
        return command

    def invoke(self, ctx: Context) -> Any:
        """Run the command; explain an unknown option that may be an identifier, because those can begin with a dash."""
        try:
            return super().invoke(ctx)
        except NoSuchOption as exc:
            if len(exc.option_name) > _LONGEST_OPTION or not exc.option_name.startswith("--"):
                exc.message += ". An argument that begins with '-' goes after '--': grants revoke -- GRANT"
            raise


def new_app(**options: Any) -> typer.Typer:
    """A typer application with the options that all command modules share."""
    return typer.Typer(add_completion=False, pretty_exceptions_enable=False, **options)


app = new_app(cls=_Commands, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]})


@app.callback(
    epilog="Exit status: 0 done, 1 failed or not found, 2 wrong usage, 3 Redis unavailable, 4 wrong settings."
)
def _describe() -> None:
    """Run and administer the authorization server. Every command reads the AUTH_* settings of the service."""


def _module(name: str) -> str:
    return f"auth_service.commands.{name.replace('-', '_')}"
