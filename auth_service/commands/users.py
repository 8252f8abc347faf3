"""`users add|list|remove|set-password`: the people who may sign in."""

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
    as_time,
    confirm,
    run,
    say,
    show_json,
    show_rows,
)
from auth_service.commands.grants import end_grants
from auth_service.grants.repository import GrantRepository
from auth_service.sessions.repository import SessionRepository
from auth_service.users.generated_password import generate_password
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UnknownUser, UsernameTaken, UserService

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auth_service.commands.console import CommandContext
    from auth_service.users.user import User

app = new_app(no_args_is_help=True, help="The people who may sign in.")

Username = Annotated[str, typer.Argument(help="The name to sign in with; case does not matter.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")]
Generate = Annotated[bool, typer.Option("--generate", help="Make up a password and print it.")]
AllowWeak = Annotated[
    bool, typer.Option("--allow-weak-password", help="Accept a guessable password: for a demo on this machine only.")
]


@app.command()
def add(
    username: Username,
    *,
    name: Annotated[str | None, typer.Option(help="The person's name, for tokens with the scope profile.")] = None,
    email: Annotated[str | None, typer.Option(help="E-mail address, for tokens with the scope email.")] = None,
    email_verified: Annotated[bool, typer.Option(help="Whether you know that the address is the person's.")] = False,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    allow_weak_password: AllowWeak = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user. The password is asked for, read from standard input, or made up. Status 1 if the name is taken."""
    password = _password(from_stdin=password_stdin, generate=generate)

    async def work(workplace: CommandContext) -> None:
        async with _directory(workplace) as directory:
            try:
                user = await directory.add(
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
        workplace.audit.record(AuditEvent.USER_ADDED, user=user.subject, username=user.username, by="operator")
        _show_changed(user, "added", generated=password if generate else None, as_json=as_json)

    run(work)


@app.command("list")
def list_users(*, as_json: JsonOption = False) -> None:
    """List all users, by name."""

    async def work(workplace: CommandContext) -> None:
        async with _directory(workplace) as directory:
            users = sorted([user async for user in directory.all()], key=lambda user: user.username.casefold())
        show_rows(
            ("username", "name", "email", "created", "subject"),
            [_as_row(user) for user in users],
            as_json=as_json,
            empty="There are no users. Add one with: users add NAME",
        )

    run(work)


@app.command()
def remove(username: Username, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove a user: the account, all grants and all sessions end, and the name is free."""

    async def work(workplace: CommandContext) -> None:
        async with _directory(workplace) as directory:
            user = await _require(directory, username)
            confirm(f"Remove the user {user.username}?", yes=yes)
            try:
                await directory.remove(user)  # first: from here on nothing new can begin
            except UnknownUser as exc:
                raise CommandFailed(f"the user {username} was removed meanwhile") from exc
        await _end_sessions(workplace, user)
        await end_grants(
            workplace, await GrantRepository(workplace.store).find_by_subject(user.subject, now=time.time())
        )
        workplace.audit.record(AuditEvent.USER_REMOVED, user=user.subject, username=user.username, by="operator")
        _show_changed(user, "removed", as_json=as_json)

    run(work)


@app.command("set-password")
def set_password(
    username: Username,
    *,
    password_stdin: FromStdin = False,
    generate: Generate = False,
    allow_weak_password: AllowWeak = False,
    as_json: JsonOption = False,
) -> None:
    """Set a new password: asked for, read from standard input, or made up. Every browser is signed out."""
    password = _password(from_stdin=password_stdin, generate=generate)

    async def work(workplace: CommandContext) -> None:
        async with _directory(workplace) as directory:
            user = await _require(directory, username)
            try:
                await directory.set_password(user, password, allow_weak=allow_weak_password)
            except UnknownUser as exc:
                raise CommandFailed(f"the user {username} was removed meanwhile") from exc
            except ValueError as exc:
                raise CommandFailed(f"the password was not changed: {exc}") from exc
        await _end_sessions(workplace, user)
        workplace.audit.record(AuditEvent.USER_PASSWORD_CHANGED, user=user.subject, by="operator")
        _show_changed(user, "changed", generated=password if generate else None, as_json=as_json)

    run(work)


@asynccontextmanager
async def _directory(workplace: CommandContext) -> AsyncIterator[UserService]:
    passwords = PasswordHasher(workers=1)
    try:
        yield UserService(UserRepository(workplace.store), passwords)
    finally:
        passwords.close()


async def _end_sessions(workplace: CommandContext, user: User) -> None:
    sessions = SessionRepository(workplace.store, lifetime_seconds=workplace.settings.session_ttl)
    await sessions.end_all(user.subject, now=time.time())


async def _require(directory: UserService, username: str) -> User:
    user = await directory.find_by_name(username)
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
        raise typer.BadParameter("nobody is there to ask for a password: give --password-stdin or --generate")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


def _as_row(user: User) -> dict[str, Any]:
    return {**asdict(user), "created": as_time(user.created_at)}


def _show_changed(user: User, what: str, *, generated: str | None = None, as_json: bool) -> None:
    if as_json:
        show_json({**_as_row(user), "result": what} | ({"password": generated} if generated else {}))
        return
    say(f"{user.username}: {what}")
    if generated:
        say(f"password: {generated}")
