"""`audit`: shows, filters and follows the audit log."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auth_service.audit.events import AuditEvent
from auth_service.audit.repository import AuditRepository
from auth_service.commands.app import new_app
from auth_service.commands.console import JsonOption, echo, format_time, parse_moment, run, show_json
from auth_service.users.repository import UserRepository

if TYPE_CHECKING:
    from auth_service.audit.repository import AuditEntry
    from auth_service.commands.console import CommandContext

app = new_app()

_REMEMBERED_IDS: Final = 1000


@app.command(epilog="Events: " + ", ".join(AuditEvent))
def audit(
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow new events (like tail -f).")] = False,
    since: Annotated[
        str | None, typer.Option(help="Only events since an age (30m, 12h, 7d) or a time (2026-11-23T08:00Z).")
    ] = None,
    event: Annotated[
        list[str] | None, typer.Option(help="Only this event, or all events of a subject (user.); may be repeated.")
    ] = None,
    user: Annotated[str | None, typer.Option(help="Only this user: a username or a subject.")] = None,
    client: Annotated[str | None, typer.Option(help="Only this client id.")] = None,
    last: Annotated[int | None, typer.Option("--last", "-n", min=1, help="Only the last N events.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Show audit events, oldest first; with --json one object per line. The log never contains a secret."""
    wanted = _wanted_events(event or [])
    since_ms = parse_moment(since, now=time.time())

    async def show_events(context: CommandContext) -> None:
        known = await UserRepository(context.redis).find_by_name(user) if user else None
        subject = known.user.subject if known else user
        seen: deque[str] = deque(maxlen=_REMEMBERED_IDS)

        def matches(entry: AuditEntry) -> bool:
            if entry.id in seen:
                return False  # written twice, because the response to the first write was lost
            seen.append(entry.id)
            return (
                (not wanted or entry.event in wanted)
                and (subject is None or entry.fields.get("user") == subject)
                and (client is None or entry.fields.get("client") == client)
            )

        repository = AuditRepository(context.redis)
        if follow:
            async for entry in repository.follow(since_ms=since_ms):
                if matches(entry):
                    _show(entry, as_json=as_json)
            return
        entries = repository.read(since_ms=since_ms or 0)
        if last is None:
            async for entry in entries:
                if matches(entry):
                    _show(entry, as_json=as_json)
        else:
            for entry in deque([entry async for entry in entries if matches(entry)], maxlen=last):
                _show(entry, as_json=as_json)

    run(show_events)


def _wanted_events(names: list[str]) -> frozenset[str]:
    wanted: set[str] = set()
    for name in names:
        matching = {e.value for e in AuditEvent if e == name or (name.endswith(".") and e.startswith(name))}
        if not matching:
            raise typer.BadParameter(f"there is no event {name!r}; see --help")
        wanted |= matching
    return frozenset(wanted)


def _show(entry: AuditEntry, *, as_json: bool) -> None:
    if as_json:
        record: dict[str, Any] = {"at": format_time(entry.at // 1000), "at_ms": entry.at, "event": entry.event}
        show_json({**record, **entry.fields, "id": entry.id})
    else:
        echo(
            f"{format_time(entry.at // 1000)}  {entry.event:<28}"
            + "  ".join(f"{k}={v}" for k, v in entry.fields.items())
        )
