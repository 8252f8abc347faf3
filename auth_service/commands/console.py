"""The common parts of all commands: context, output, confirmation, and failure with an exit status, not a traceback."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, Final, NoReturn

import typer
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table
from rich.text import Text

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.data_format import UnreadableData, check_data_format
from auth_service.settings import AuthSettings
from shared.background import end_tasks
from shared.errors import Misconfigured, RedisUnavailable, RequestRejected, ServiceUnavailable
from shared.operator_commands import operator_command, redis_hint, runnable
from shared.redis.topology import open_redis_client

if TYPE_CHECKING:
    from auth_service.audit.log import ActorAuditLog
    from shared.redis.client import RedisClient

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


class ExitStatus(IntEnum):
    """The exit status of a failed command."""

    FAILED = 1
    USAGE = 2
    UNAVAILABLE = 3
    MISCONFIGURED = 4
    INTERRUPTED = 130


class CommandFailed(Exception):
    """The command failed. The text is for the operator; `hint` says what to do.

    Commands in the hint stand in backticks
    with the name of their service, and are printed as they are run here.
    """

    def __init__(self, message: str, *, hint: str = "", status: ExitStatus = ExitStatus.FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


@dataclass(frozen=True, slots=True)
class CommandContext:
    """The settings and resources of one command."""

    settings: AuthSettings
    redis: RedisClient
    audit: ActorAuditLog
    """Records events of the operator. They are written before the command ends."""


def run(command: Callable[[CommandContext], Awaitable[None]]) -> None:
    """Run the command with its context. Every expected failure becomes a message and an exit status."""
    try:
        asyncio.run(_run_until_interrupted(command))
    except CommandFailed as exc:
        fail(str(exc), hint=exc.hint, status=exc.status)
    except Misconfigured as exc:
        fail(
            f"The settings are wrong:\n{exc}",
            hint=settings_hint(),
            status=ExitStatus.MISCONFIGURED,
        )
    except UnreadableData as exc:
        fail(str(exc), status=ExitStatus.MISCONFIGURED)
    except ServiceUnavailable as exc:
        hint = redis_hint("AUTH_REDIS_URL") if isinstance(exc, RedisUnavailable) else ""
        fail(exc.reason, hint=hint, status=ExitStatus.UNAVAILABLE)
    except RequestRejected as exc:
        fail(exc.reason, status=ExitStatus.FAILED)
    except KeyboardInterrupt:
        raise typer.Exit(ExitStatus.INTERRUPTED) from None


async def _run_until_interrupted(command: Callable[[CommandContext], Awaitable[None]]) -> None:
    """Ctrl-C cancels the command until it ends: a single cancellation can be lost (shared/background.py)."""
    task = asyncio.create_task(_run_in_context(command))
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await end_tasks([task])
        raise


async def _run_in_context(command: Callable[[CommandContext], Awaitable[None]]) -> None:
    settings = AuthSettings.from_environment()
    # An operator at a terminal may wait longer than a request.
    redis = open_redis_client(settings.redis_url.get_secret_value(), timeout_seconds=max(5.0, settings.store_timeout))
    audit = AuditLog(AuditRepository(redis), CollectorRegistry())
    try:
        await check_data_format(redis)
        await command(CommandContext(settings, redis, audit.acting_as("operator")))
    finally:
        await audit.stop()
        await redis.close()


def fail(message: str, *, hint: str = "", status: ExitStatus = ExitStatus.FAILED) -> NoReturn:
    """Print the error and the hint on standard error, its commands as they are run here; exit with the status."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text("error: ", style="bold red") + Text(message))
    if hint:
        console.print(Text(runnable(hint)))
    raise typer.Exit(status)


def settings_hint() -> str:
    """The remedy for wrong settings."""
    return f"`{operator_command('auth_service', 'check-config', stopped=True)}` explains each."


def echo(text: str) -> None:
    """Print a line of text."""
    Console(soft_wrap=True, highlight=False).print(Text(text))


def echo_stderr(text: str) -> None:
    """Print a line of text on standard error: standard output holds the result only."""
    Console(stderr=True, soft_wrap=True, highlight=False).print(Text(text))


def show_json(value: Any) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def show_rows(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print records: a JSON array with all members, or a table of these columns."""
    if as_json:
        show_json(list(rows))
    elif not rows:
        echo(runnable(empty))
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(row.get(column))) for column in columns))
        # A pipe has no width: no cell is folded or cut.
        Console(highlight=False, width=None if sys.stdout.isatty() else 500).print(table)


def format_time(seconds: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339 text in UTC."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def parse_moment(text: str | None, *, now: float) -> int | None:
    """Milliseconds since 1970, of a time or of an age. Raises typer.BadParameter."""
    if text is None:
        return None
    if age := re.fullmatch(r"(\d{1,6})([smhdw])", text):
        return int((now - int(age[1]) * _UNITS[age[2]]) * 1000)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise typer.BadParameter(f"{text!r} is neither an age like 12h nor a time like 2026-11-23T08:00Z") from exc
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a destructive step. Raises CommandFailed on "no", and without a terminal."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed("cannot ask for confirmation without a terminal", hint="Pass --yes to skip the question.")
    if not typer.confirm(question):
        raise CommandFailed("nothing was done")


def printable(value: Any) -> str:
    """The value as text without control characters."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = " ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
    # Names are chosen by clients and by users of providers: no control sequence may reach the terminal.
    return "".join(c if c.isprintable() else "�" for c in text)
