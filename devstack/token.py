"""`make token`: an access token from the services of `make run`, at once for their demo user, or in a browser."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.commands.console import CommandFailed, JsonOption, fail, run
from auth_service.commands.tokens import ResourceOption, ScopeOption, issue_and_show
from devstack.command import become, saved_settings
from devstack.demo_browser import DemoBrowser
from devstack.demo_user import DemoUser, password_file, username_of
from devstack.environment import current_environment
from devstack.service_process import ServiceError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from auth_service.commands.console import CommandContext

_BY_HAND = 'make token ARGS="--browser" lets any user sign in and decide.'


def token(
    *,
    scope: ScopeOption = "",
    resource: ResourceOption = "",
    browser: Annotated[
        bool, typer.Option("--browser", help="Sign in and decide in a browser, as any user, not as the demo user.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Get an access token from the services of `make run`, for their demo user.

    Alone on standard output: TOKEN=$(make -s token). The demo user's sign-in and consent are made over HTTP with the
    password in the data directory. The token cannot be refreshed; it is listed, and can be ended, on the account page.
    """
    data_dir = Path(current_environment().values.get("DATA_DIR") or ".data")
    try:
        settings = saved_settings(data_dir)
        _check_is_running(data_dir)
        if browser:
            options = ["--scope", scope, "--resource", resource, *(["--json"] if as_json else [])]
            become("auth_service", ["tokens", "issue", *options], settings)
        demo_browser = DemoBrowser(settings["AUTH_ISSUER"], _demo_user(data_dir, settings))
    except ServiceError as exc:
        fail(str(exc), hint="" if "make" in str(exc) else _BY_HAND)
    os.environ.update({name: value for name, value in settings.items() if name.startswith("AUTH_")})

    async def open_page(url: str) -> None:
        try:
            await demo_browser.allow(url)
        except ServiceError as exc:
            raise CommandFailed(str(exc), hint=_BY_HAND) from exc

    async def issue(context: CommandContext) -> None:
        await issue_and_show(context, scope, resource, open_page, as_json=as_json)

    run(issue)


def _demo_user(data_dir: Path, settings: Mapping[str, str]) -> DemoUser:
    username = username_of(settings)
    try:
        return DemoUser(username, password_file(data_dir, username).read_text(encoding="utf-8").strip())
    except FileNotFoundError:
        raise ServiceError(f"the password of {username} is not known here") from None


def _check_is_running(data_dir: Path) -> None:
    """Raises ServiceError unless a `make run` holds the lock of its data directory."""
    with (data_dir / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
    raise ServiceError("the services do not run: start them with `make run`, in another terminal")


if __name__ == "__main__":
    typer.run(token)
