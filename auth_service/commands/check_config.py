"""`check-config`: checks the settings and Redis, and explains each problem."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import ExitStatus, JsonOption, echo, fail, run, show_json
from auth_service.settings import AuthSettings
from shared.errors import Misconfigured
from shared.jose import base64url
from shared.redis.durability import find_configuration_warnings

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext

app = new_app()


@app.command()
def check_config(
    *,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Only print a new value for AUTH_KEY_ENCRYPTION_KEY.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Check the settings only, not Redis.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the settings and Redis. Exit status 4 if a setting is wrong, 3 if Redis is unavailable.

    Secrets are never printed.
    """
    if new_key:
        value = base64url.encode(secrets.token_bytes(32))
        return show_json({"key": value}) if as_json else echo(value)
    try:
        settings = AuthSettings.from_environment()
    except Misconfigured as exc:
        problems = [_explain(line) for line in str(exc).splitlines()]
        if as_json:
            show_json({"ok": False, "problems": problems})
            raise typer.Exit(ExitStatus.MISCONFIGURED) from None
        fail("\n".join(["the settings are wrong", *problems]), status=ExitStatus.MISCONFIGURED)
    warnings: list[str] = []
    if not offline:

        async def check_redis(context: CommandContext) -> None:
            warnings.extend(await find_configuration_warnings(context.redis))

        run(check_redis)
    if as_json:
        return show_json({"ok": True, "warnings": warnings, "issuer": settings.issuer})
    for warning in warnings:
        echo(f"warning: {warning}")
    return echo(f"The settings are valid: issuer {settings.issuer}, {len(settings.resources)} resource(s).")


def _explain(problem: str) -> str:
    """The problem, with the description of the setting if there is one."""
    name = problem.partition(":")[0].removeprefix("AUTH_").lower()
    field = AuthSettings.model_fields.get(name)
    return f"{problem}\n  AUTH_{name.upper()}: {field.description}" if field and field.description else problem
