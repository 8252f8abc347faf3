"""`check-config`: says what is wrong with the settings and the store, and how to mend it."""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import ExitStatus, JsonOption, fail, run, say, show_json
from auth_service.settings import AuthSettings
from shared.errors import Misconfigured
from shared.redis.durability import risks_of

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext

app = new_app()


@app.command()
def check_config(
    *,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Only print a fresh value for AUTH_KEY_ENCRYPTION_KEY.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Check the settings only, not the store.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check settings and store without starting anything; exit status 4 when the settings are wrong, 3 without store.

    Secrets are never printed.
    """
    if new_key:
        value = base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()
        return show_json({"key": value}) if as_json else say(value)
    try:
        settings = AuthSettings.from_environment()
    except Misconfigured as exc:
        problems = [_explained(line) for line in str(exc).splitlines()]
        if as_json:
            show_json({"ok": False, "problems": problems})
            raise typer.Exit(ExitStatus.MISCONFIGURED) from None
        fail("\n".join(["the settings are wrong", *problems]), status=ExitStatus.MISCONFIGURED)
    warnings: list[str] = []
    if not offline:

        async def look(workplace: CommandContext) -> None:
            warnings.extend(await risks_of(workplace.store))

        run(look)
    if as_json:
        return show_json({"ok": True, "warnings": warnings, "issuer": settings.issuer})
    for warning in warnings:
        say(f"warning: {warning}")
    return say(f"The settings are good: issuer {settings.issuer}, {len(settings.resources)} resource(s).")


def _explained(problem: str) -> str:
    """The problem with what the setting is for, where it is known."""
    name = problem.partition(":")[0].removeprefix("AUTH_").lower()
    field = AuthSettings.model_fields.get(name)
    return f"{problem}\n  AUTH_{name.upper()}: {field.description}" if field and field.description else problem
