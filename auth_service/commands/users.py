"""`users add|list|suspend|resume|remove|set-password`: user accounts."""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auth_service.audit.events import AuditEvent
from auth_service.commands.app import new_app
from auth_service.commands.console import (
    CommandFailed,
    JsonOption,
    YesOption,
    confirm,
    echo,
    format_time,
    run,
    show_json,
    show_rows,
)
from auth_service.grants.access_removal import USER_ENDED, AccessRemoval
from auth_service.grants.repository import GrantRepository
from auth_service.sessions.repository import SessionRepository
from auth_service.users.generated_password import generate_password
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UnknownUser, UsernameTaken, UserService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auth_service.commands.console import CommandContext
    from auth_service.grants.grant import Grant
    from auth_service.users.user import User

app = new_app(no_args_is_help=True, help="List, add and remove users.")

Username = Annotated[str, typer.Argument(help="The name for sign-in; case-insensitive.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Generate a password and print it.")]
AllowWeak = Annotated[
    bool, typer.Option("--allow-weak-password", help="Accept a guessable password: only for a demo on this machine.")
]


@app.command()
def add(
    username: Username,
    *,
    name: Annotated[str | None, typer.Option(help="The user's full name, for the scope profile.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address, for the scope email.")] = None,
    email_verified: Annotated[bool, typer.Option(help="Whether the address is verified.")] = False,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    allow_weak_password: AllowWeak = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user. The password is prompted for, read or generated. Exit status 1 if the name is taken."""
    password = _password(from_stdin=password_stdin, generate=generate)

    async def add_user(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            try:
                user = await accounts.add(
                    username,
                    password,
                    name=name,
                    email=email,
                    email_verified=email_verified,
                    allow_weak=allow_weak_password,
                )
            except UsernameTaken as exc:
                raise CommandFailed(
                    f"there is a user {username} already", hint="users set-password changes a password."
                ) from exc
            except ValueError as exc:
                raise CommandFailed(f"the user was not added: {exc}") from exc
        context.audit.record(AuditEvent.USER_ADDED, user=user.subject, username=user.username)
        _show_changed(user, "added", generated=password if generate else None, as_json=as_json)

    run(add_user)


@app.command("list")
def list_users(*, as_json: JsonOption = False) -> None:
    """List all users, by name."""

    async def list_all(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            users = sorted([user async for user in accounts.all()], key=lambda user: user.username.casefold())
        show_rows(
            ("username", "name", "email", "created", "suspended", "subject"),
            [_as_row(user) for user in users],
            as_json=as_json,
            empty="There are no users. Add one with: users add NAME",
        )

    run(list_all)


@app.command()
def remove(username: Username, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove a user. All grants and sessions end, and the name becomes free."""

    async def remove_user(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            user = await _require(accounts, username)
            confirm(f"Remove the user {user.username}?", yes=yes)
            try:
                await accounts.remove(user)  # first: from here on no new session or grant can begin
            except UnknownUser as exc:
                raise CommandFailed(f"the user {username} was removed meanwhile") from exc
        context.audit.record(AuditEvent.USER_REMOVED, user=user.subject, username=user.username)
        await _end_access(context, user)
        _show_changed(user, "removed", as_json=as_json)

    run(remove_user)


@app.command()
def suspend(username: Username, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Suspend a user: all grants and sessions end, and no sign-in succeeds until `users resume`.

    If it is interrupted, repeat it; a running service completes it as well.
    """

    async def suspend_user(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            user = await _require(accounts, username)
            confirm(f"Suspend the user {user.username}?", yes=yes)
            try:
                await accounts.suspend(user)
            except UnknownUser as exc:
                raise CommandFailed(f"the user {username} was removed meanwhile") from exc
            if user.suspended_at is None:  # before the rest, which may be interrupted
                context.audit.record(AuditEvent.USER_SUSPENDED, user=user.subject, username=user.username)
            ended = await _end_access(context, user)
            changed = await _require(accounts, username)
        _show_changed(changed, f"suspended, {len(ended)} grant(s) ended", as_json=as_json)

    run(suspend_user)


@app.command()
def resume(username: Username, *, as_json: JsonOption = False) -> None:
    """Lift a suspension: the user may sign in again. Ended grants stay ended."""

    async def resume_user(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            user = await _require(accounts, username)
            if not await accounts.lift_suspension(user):
                raise CommandFailed(f"the user {user.username} is not suspended")
            context.audit.record(AuditEvent.USER_RESUMED, user=user.subject, username=user.username)
            _show_changed(await _require(accounts, username), "may sign in again", as_json=as_json)

    run(resume_user)


@app.command("set-password")
def set_password(
    username: Username,
    *,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    allow_weak_password: AllowWeak = False,
    as_json: JsonOption = False,
) -> None:
    """Set a new password: prompted for, read or generated. All sessions of the user end."""
    password = _password(from_stdin=password_stdin, generate=generate)

    async def change_password(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            user = await _require(accounts, username)
            try:
                await accounts.set_password(user, password, allow_weak=allow_weak_password)
            except UnknownUser as exc:
                raise CommandFailed(f"the user {username} was removed meanwhile") from exc
            except ValueError as exc:
                raise CommandFailed(f"the password was not changed: {exc}") from exc
        await _end_sessions(context, user)
        context.audit.record(AuditEvent.USER_PASSWORD_CHANGED, user=user.subject)
        _show_changed(user, "changed", generated=password if generate else None, as_json=as_json)

    run(change_password)


@asynccontextmanager
async def _user_service(context: CommandContext) -> AsyncIterator[UserService]:
    passwords = PasswordHasher(workers=1)
    try:
        yield UserService(UserRepository(context.redis), passwords)
    finally:
        passwords.close()


async def _end_sessions(context: CommandContext, user: User) -> None:
    sessions = SessionRepository(context.redis, lifetime_seconds=context.settings.session_ttl)
    await sessions.end_all(user.subject, now=time.time())


async def _end_access(context: CommandContext, user: User) -> list[Grant]:
    removal = AccessRemoval(
        users=UserRepository(context.redis),
        sessions=SessionRepository(context.redis, lifetime_seconds=context.settings.session_ttl),
        grants=GrantRepository(context.redis),
        audit=context.audit,
        clock=time.time,
    )
    return await removal.end_access(user.subject, reason=USER_ENDED)


async def _require(accounts: UserService, username: str) -> User:
    user = await accounts.find_by_name(username)
    if user is None:
        raise CommandFailed(f"there is no user {username}", hint="users list shows all.")
    return user


def _password(*, from_stdin: bool, generate: bool) -> str:
    if from_stdin and generate:
        raise typer.BadParameter("give one of --password-stdin and --generate")
    if generate:
        return generate_password()
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise typer.BadParameter("cannot prompt for a password without a terminal: give --password-stdin or --generate")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _as_row(user: User) -> dict[str, Any]:
    return {
        **asdict(user),
        "created": format_time(user.created_at),
        "suspended": format_time(user.suspended_at),
    }


def _show_changed(user: User, result: str, *, generated: str | None = None, as_json: bool) -> None:
    if as_json:
        show_json({**_as_row(user), "result": result} | ({"password": generated} if generated else {}))
        return
    echo(f"{user.username}: {result}")
    if generated:
        echo(f"password: {generated}")
