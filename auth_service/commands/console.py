"""How every command begins, ends, asks, prints and fails: without tracebacks, with an exit status for scripts."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from prometheus_client import CollectorRegistry
from rich.console import Console
from rich.table import Table
from rich.text import Text

from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.settings import AuthSettings
from shared.errors import Misconfigured, RequestRejected, ServiceUnavailable
from shared.redis.topology import open_redis_client

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask whether you are sure.")]


class ExitStatus(IntEnum):
    """What a script can tell from a failed command."""

    REFUSED = 1
    USAGE = 2
    UNAVAILABLE = 3
    MISCONFIGURED = 4
    INTERRUPTED = 130


class CommandFailed(Exception):
    """The command cannot be done. The text is for the operator; `hint` says how to go on."""

    def __init__(self, message: str, *, hint: str = "", status: ExitStatus = ExitStatus.REFUSED) -> None:
        super().__init__(message)
        self.hint = hint
        self.status = status


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What a command works with."""

    settings: AuthSettings
    store: RedisClient
    audit: AuditLog
    """Record with `by="operator"`; it is written before the command ends."""


def run(work: Callable[[CommandContext], Awaitable[None]]) -> None:
    """Read the settings, open the store, do the work; turn every expected failure into a message and a status."""
    try:
        asyncio.run(_with_workplace(work))
    except CommandFailed as exc:
        fail(str(exc), hint=exc.hint, status=exc.status)
    except Misconfigured as exc:
        fail(
            f"The settings are wrong:\n{exc}",
            hint="python -m auth_service check-config explains each.",
            status=ExitStatus.MISCONFIGURED,
        )
    except ServiceUnavailable as exc:
        fail(exc.reason, hint="Is the store up, and AUTH_REDIS_URL right?", status=ExitStatus.UNAVAILABLE)
    except RequestRejected as exc:
        fail(exc.reason, status=ExitStatus.REFUSED)
    except KeyboardInterrupt:
        raise typer.Exit(ExitStatus.INTERRUPTED) from None


async def _with_workplace(work: Callable[[CommandContext], Awaitable[None]]) -> None:
    settings = AuthSettings.from_environment()
    # A person at a terminal waits longer than a request may.
    store = open_redis_client(settings.redis_url.get_secret_value(), timeout_seconds=max(5.0, settings.store_timeout))
    audit = AuditLog(AuditRepository(store), CollectorRegistry())
    try:
        await work(CommandContext(settings, store, audit))
    finally:
        await audit.stop()
        await store.close()


def fail(message: str, *, hint: str = "", status: ExitStatus = ExitStatus.REFUSED) -> NoReturn:
    """Say on standard error what is wrong and how to go on, and end with a status."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text("error: ", style="bold red") + Text(message))
    if hint:
        console.print(Text(hint))
    raise typer.Exit(status)


def say(text: str) -> None:
    """Print a line for a person."""
    Console(soft_wrap=True, highlight=False).print(Text(text))


def show_json(value: Any) -> None:
    """Print one JSON document on one line."""
    sys.stdout.write(json.dumps(value, ensure_ascii=False, default=str) + "\n")
    sys.stdout.flush()


def show_rows(columns: Sequence[str], rows: Sequence[Mapping[str, Any]], *, as_json: bool, empty: str) -> None:
    """Print records: a JSON array with all their members, or a table of the columns named."""
    if as_json:
        show_json(list(rows))
    elif not rows:
        say(empty)
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(Text(_cell(row.get(column))) for column in columns))
        # A pipe has no width: nothing is folded or cut there.
        Console(highlight=False, width=None if sys.stdout.isatty() else 500).print(table)


def as_time(seconds: int | None) -> str | None:
    """Seconds since 1970 as RFC 3339 text in UTC."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def confirm(question: str, *, yes: bool) -> None:
    """Ask before a destructive step. Raises CommandFailed on no, and where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed("nobody is there to confirm this", hint="Pass --yes to do it without asking.")
    if not typer.confirm(question):
        raise CommandFailed("nothing was done")


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return " ".join(str(v) for v in value)
    # Names come from strangers: no control sequence may reach the terminal.
    return "".join(c if c.isprintable() else "�" for c in str(value))
