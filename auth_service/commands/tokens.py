"""`tokens issue`: an access token for curl, scripts and the MCP Inspector."""

from __future__ import annotations

import asyncio
import sys
import time
import webbrowser
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, echo_stderr, format_time, printable, run, show_json
from auth_service.commands.token_flow import ObtainedToken, TokenWish, request_token
from auth_service.resources.catalogue import OFFLINE_ACCESS, ResourceCatalogue
from auth_service.users.repository import UserRepository
from shared.scopes import parse_scope

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext
    from auth_service.commands.token_flow import OpenPage
    from auth_service.resources.catalogue import ProtectedResource

app = new_app(no_args_is_help=True, help="Get an access token for curl, scripts and the MCP Inspector.")

ScopeOption = Annotated[
    str, typer.Option(help="The scopes, separated by spaces; the default scopes of the resource by default.")
]
ResourceOption = Annotated[str, typer.Option(help="The resource; the first of AUTH_RESOURCES by default.")]


@app.callback()
def _describe() -> None:
    """A callback, without which typer would drop the name of the only command."""


@app.command()
def issue(
    *,
    scope: ScopeOption = "",
    resource: ResourceOption = "",
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the address in a browser, if there is one.")
    ] = True,
    paste: Annotated[
        bool | None,
        typer.Option(
            "--paste/--no-paste",
            help="Also read, from standard input, the address at which the browser ended: for a browser that cannot "
            "reach this computer. On by default at a terminal.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the decision.")] = 300.0,
    as_json: JsonOption = False,
) -> None:
    """Get an access token: a user signs in and decides in a browser, as for any other client.

    The token alone goes to standard output. It cannot be refreshed; it is listed, and can be ended, on the user's
    account page and with grants list and grants revoke.
    """
    reads = sys.stdin.isatty() if paste is None else paste

    async def open_page(url: str) -> None:
        echo_stderr(f"Open this address, sign in and decide (Ctrl-C ends this without a token):\n\n{url}\n")
        if reads:
            echo_stderr("If the last page cannot be reached, as from a container, paste its address here.")
        if browser and sys.stderr.isatty():
            await asyncio.to_thread(webbrowser.open, url)

    async def issue_token(context: CommandContext) -> None:
        await issue_and_show(context, scope, resource, open_page, as_json=as_json, wait_seconds=timeout, paste=reads)

    run(issue_token)


async def issue_and_show(
    context: CommandContext,
    scope: str,
    resource: str,
    open_page: OpenPage,
    *,
    as_json: bool,
    wait_seconds: float = 300.0,
    paste: bool = False,
) -> None:
    """Get the token and print it. Raises CommandFailed, RedisUnavailable. `resource` and `scope` may be empty."""
    target = _resource(context, resource)
    wanted = _scopes(scope, target)
    token = await request_token(
        context, TokenWish(target.identifier, wanted, open_page, wait_seconds=wait_seconds, paste=paste)
    )
    left_out = sorted(set(wanted) - set(token.scopes))
    if left_out:
        echo_stderr(f"Not granted: {' '.join(left_out)}")
    stored = await UserRepository(context.redis).find(token.subject)
    _show(token, stored.user.username if stored else token.subject, context.settings.issuer, as_json=as_json)


def _show(token: ObtainedToken, username: str, issuer: str, *, as_json: bool) -> None:
    if as_json:
        show_json(
            {
                "access_token": token.access_token,
                "token_type": "Bearer",
                "expires": format_time(token.expires_at),
                "scopes": list(token.scopes),
                "resource": token.resource,
                "username": username,
            }
        )
        return
    sys.stdout.write(f"{token.access_token}\n")
    sys.stdout.flush()
    if sys.stdout.isatty():
        minutes = (token.expires_at - int(time.time())) // 60
        expires = format_time(token.expires_at)
        echo_stderr(
            f"\nFor {printable(username)}, with {' '.join(token.scopes)}, until {expires} ({minutes} min).\n"
            f"{issuer}/account lists it and can end it.\n\n"
            f"curl {token.resource} -H 'Authorization: Bearer {token.access_token}' \\\n"
            "  -H 'Content-Type: application/json' -H 'Accept: application/json, text/event-stream' \\\n"
            """  -d '{"jsonrpc": "2.0", "id": 1, "method": "tools/list"}'"""
        )


def _resource(context: CommandContext, wanted: str) -> ProtectedResource:
    catalogue = ResourceCatalogue(context.settings.resources)
    found = catalogue.find(wanted) if wanted else catalogue.default
    if found is None:
        known = " ".join(each.identifier for each in catalogue.all)
        raise CommandFailed(f"there is no resource {wanted}", hint=f"AUTH_RESOURCES has: {known}")
    return found


def _scopes(wanted: str, resource: ProtectedResource) -> tuple[str, ...]:
    try:
        scopes = parse_scope(wanted) or resource.default_scopes
    except ValueError as exc:
        raise CommandFailed(str(exc)) from exc
    if OFFLINE_ACCESS in scopes:
        raise CommandFailed(f"this token cannot be refreshed: leave out {OFFLINE_ACCESS}")
    unknown = sorted(set(scopes) - ResourceCatalogue([resource]).grantable[resource.identifier])
    if unknown:
        raise CommandFailed(
            f"{resource.identifier} has no scope {' '.join(unknown)}", hint=f"It has: {' '.join(resource.scopes)}"
        )
    return scopes
