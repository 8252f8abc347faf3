"""`check-config`: checks the settings, Redis and the identity providers, and explains each problem."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import ExitStatus, JsonOption, echo, fail, run, show_json
from auth_service.federation.http import ProviderHttp
from auth_service.federation.wiring import build_providers, provider_factory
from auth_service.resources.scope_check import FIX, compare_resources, resource_http_client
from auth_service.resources.unmet_requirements import unmet_requirements
from auth_service.settings import AuthSettings
from auth_service.wiring import federation_settings
from shared.errors import Misconfigured
from shared.jose import base64url
from shared.operator_commands import runnable
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
    offline: Annotated[
        bool, typer.Option("--offline", help="Check the settings only, neither Redis nor identity providers.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Check the settings, Redis and the identity providers; warn of rules and claims that no provider can meet.

    Exit status 4 if a setting or a provider is wrong, 3 if Redis is unavailable. Secrets are never printed.
    """
    if new_key:
        value = base64url.encode(secrets.token_bytes(32))
        return show_json({"key": value}) if as_json else echo(value)
    try:
        settings = AuthSettings.from_environment()
    except Misconfigured as exc:
        problems = [_explain(line) for line in str(exc).splitlines()]
        _refuse("the settings are wrong", problems, as_json=as_json)
    notes: list[str] = []
    warnings = unmet_requirements(settings.resources, settings.identity_providers, passwords=settings.passwords == "on")
    problems = []
    if not offline:

        async def check_systems(context: CommandContext) -> None:
            warnings.extend(await find_configuration_warnings(context.redis))
            found, doubtful = await _provider_findings(context)
            problems.extend(found)
            warnings.extend(doubtful)
            differences, unknown = await _scope_differences(context)
            warnings.extend(differences)
            notes.extend(unknown)

        run(check_systems)
    if problems:
        _refuse("an identity provider cannot be used", problems, as_json=as_json)
    if as_json:
        return show_json({"ok": True, "warnings": warnings, "notes": notes, "issuer": settings.issuer})
    for warning in warnings:
        echo(f"warning: {warning}")
    for note in notes:
        echo(note)
    providers = f", {len(settings.identity_providers)} identity provider(s)" if settings.identity_providers else ""
    return echo(f"The settings are valid: issuer {settings.issuer}, {len(settings.resources)} resource(s){providers}.")


def _refuse(title: str, problems: list[str], *, as_json: bool) -> NoReturn:
    if as_json:
        show_json({"ok": False, "problems": problems})
        raise typer.Exit(ExitStatus.MISCONFIGURED) from None
    fail("\n".join([title, *problems]), status=ExitStatus.MISCONFIGURED)


async def _provider_findings(context: CommandContext) -> tuple[list[str], list[str]]:
    """Problems and warnings from what the providers say of themselves, each with the id; all are asked at once."""
    settings, http = context.settings, ProviderHttp()
    build = provider_factory(
        http, issuer=settings.issuer, redis=context.redis, clock=time.time, monotonic=time.monotonic
    )
    providers = build_providers(federation_settings(settings), build)
    try:
        found = await asyncio.gather(*(entry.provider.diagnose() for entry in providers.entries))
    finally:
        await providers.close()
        await http.close()
    by_id = [(entry.id, diagnosis) for entry, diagnosis in zip(providers.entries, found, strict=True)]
    return (
        [f"{name}: {problem}" for name, diagnosis in by_id for problem in diagnosis.problems],
        [f"{name}: {warning}" for name, diagnosis in by_id for warning in diagnosis.warnings],
    )


async def _scope_differences(context: CommandContext) -> tuple[list[str], list[str]]:
    """How the scopes of AUTH_RESOURCES differ from those that the resources publish; and which were not compared."""
    if context.settings.scope_check == "off":
        return [], []
    http = resource_http_client()
    try:
        found = await compare_resources(http, context.settings.resources)
    finally:
        await http.close()
    differences = [*found.sentences(), *([runnable(FIX)] if found.different else [])]
    return differences, [f"not compared: {resource}: {why}" for resource, why in found.not_compared.items()]


def _explain(problem: str) -> str:
    """The problem, with the description of the setting if there is one."""
    name = problem.partition(":")[0].removeprefix("AUTH_").lower()
    field = AuthSettings.model_fields.get(name)
    return f"{problem}\n  AUTH_{name.upper()}: {field.description}" if field and field.description else problem
