"""`users add|list|show|suspend|resume|remove|set-password`: user accounts."""

from __future__ import annotations

import sys
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Final

import typer

from auth_service.audit.events import AuditEvent
from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, YesOption, confirm, run, show_rows
from auth_service.commands.invitation import add_for_identity
from auth_service.commands.user_output import listed_row, show_changed, show_user
from auth_service.federation.accounts import in_order
from auth_service.grants.access_removal import USER_ENDED, AccessRemoval
from auth_service.grants.repository import GrantRepository
from auth_service.sessions.repository import SessionRepository
from auth_service.users.password_rules import generate_password
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UnknownUser, UsernameTaken, UserService
from auth_service.users.user import Profile
from shared.operator_commands import operator_command

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from auth_service.commands.console import CommandContext
    from auth_service.grants.grant import Grant
    from auth_service.users.user import User

app = new_app(no_args_is_help=True, help="List, add and remove users.")

_PAGE: Final = 500
"""The number of users whose identities are read at once."""

Username = Annotated[str, typer.Argument(metavar="NAME", help="The name for sign-in; case-insensitive.")]
AnyUser = Annotated[
    str,
    typer.Argument(
        metavar="NAME|SUBJECT", help="The username, as users list shows it, case-insensitive; or the subject."
    ),
]
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
    identity: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:SUBJECT",
            help="The user signs in through this provider, as this subject, and has no password. "
            "Name and address are replaced by those that the provider states.",
        ),
    ] = None,
    allow_weak_password: AllowWeak = False,
    as_json: JsonOption = False,
) -> None:
    """Add a user: with a password, which is prompted for, read or generated, or for an identity of a provider.

    Exit status 1 if the name is taken, or if the identity has an account.
    """
    if identity is not None and (password_stdin or generate):
        raise typer.BadParameter("give --identity or a password, not both: set-password can add one")
    password = None if identity is not None else _password(from_stdin=password_stdin, generate=generate)

    async def add_user(context: CommandContext) -> None:
        try:
            if identity is not None:
                user = await add_for_identity(context, username, identity, Profile(name, email, email_verified))
            else:
                async with _user_service(context) as accounts:
                    user = await accounts.add(
                        username,
                        password or "",
                        name=name,
                        email=email,
                        email_verified=email_verified,
                        allow_weak=allow_weak_password,
                    )
        except UsernameTaken as exc:
            raise CommandFailed(
                f"there is a user {username} already",
                hint=f"`{operator_command('auth_service', 'users', 'set-password', username)}` changes a password.",
            ) from exc
        except ValueError as exc:
            raise CommandFailed(f"the user was not added: {exc}") from exc
        provider = "" if identity is None else identity.partition(":")[0]
        context.audit.record(AuditEvent.USER_ADDED, user=user.subject, username=user.username, provider=provider)
        show_changed(user, "added", generated=password if generate else None, as_json=as_json)

    run(add_user)


@app.command("list")
def list_users(*, as_json: JsonOption = False) -> None:
    """List all users, by name, with the identity providers of each."""

    async def list_all(context: CommandContext) -> None:
        repository = UserRepository(context.redis)
        users = sorted([user async for user in repository.all()], key=lambda user: user.username.casefold())
        statements: list[dict[str, str]] = []
        for start in range(0, len(users), _PAGE):
            statements += await repository.statements([user.subject for user in users[start : start + _PAGE]])
        show_rows(
            ("username", "name", "email", "providers", "created", "suspended", "subject"),
            [listed_row(user, in_order(stated)) for user, stated in zip(users, statements, strict=True)],
            as_json=as_json,
            empty="There are no users. `auth_service users add NAME` adds one.",
        )

    run(list_all)


@app.command()
def show(user: AnyUser, *, as_json: JsonOption = False) -> None:
    """Show a user: the identities of the account, and what each provider stated at the last sign-in with it."""

    async def show_one(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            found = await _require(accounts, user)
        (stated,) = await UserRepository(context.redis).statements([found.subject])
        show_user(found, in_order(stated), as_json=as_json)

    run(show_one)


@app.command()
def remove(username: AnyUser, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
    """Remove a user and what is stored about the user. All grants and sessions end, and the name becomes free.

    A later sign-in through a provider makes a new account, if AUTH_ACCOUNT_CREATION is on: `suspend` keeps a user out.
    """

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
        show_changed(user, "removed", as_json=as_json)

    run(remove_user)


@app.command()
def suspend(username: AnyUser, *, yes: YesOption = False, as_json: JsonOption = False) -> None:
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
            changed = await _require(accounts, user.subject)
        show_changed(changed, f"suspended, {len(ended)} grant(s) ended", as_json=as_json)

    run(suspend_user)


@app.command()
def resume(username: AnyUser, *, as_json: JsonOption = False) -> None:
    """Lift a suspension: the user may sign in again. Ended grants stay ended."""

    async def resume_user(context: CommandContext) -> None:
        async with _user_service(context) as accounts:
            user = await _require(accounts, username)
            if not await accounts.lift_suspension(user):
                raise CommandFailed(f"the user {user.username} is not suspended")
            context.audit.record(AuditEvent.USER_RESUMED, user=user.subject, username=user.username)
            show_changed(await _require(accounts, user.subject), "may sign in again", as_json=as_json)

    run(resume_user)


@app.command("set-password")
def set_password(
    username: AnyUser,
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
        show_changed(user, "changed", generated=password if generate else None, as_json=as_json)

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


async def _require(accounts: UserService, named: str) -> User:
    # A subject has 22 random characters: no username is one by chance.
    user = await accounts.find_by_name(named) or await accounts.find(named)
    if user is None:
        raise CommandFailed(f"there is no user {named}", hint="`auth_service users list` shows all.")
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
