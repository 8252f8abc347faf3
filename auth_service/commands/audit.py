"""`audit`: shows, filters and follows the audit log."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from auth_service.audit.events import AuditEvent
from auth_service.audit.repository import AuditRepository
from auth_service.commands.app import new_app
from auth_service.commands.console import JsonOption, echo, format_time, parse_moment, printable, run, show_json
from auth_service.users.repository import UserRepository

if TYPE_CHECKING:
    from auth_service.audit.repository import AuditEntry
    from auth_service.commands.console import CommandContext

app = new_app()

_REMEMBERED_IDS: Final = 1000
_REMEMBERED_NAMES: Final = 10_000
_CHANGES_A_NAME: Final = frozenset({AuditEvent.USER_ADDED, AuditEvent.USER_REMOVED})


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
    """Show audit events, oldest first; with --json one object per line. The log never contains a secret.

    Users are shown with name and subject; one who was removed, by the subject alone.
    """
    wanted = _wanted_events(event or [])
    since_ms = parse_moment(since, now=time.time())

    async def show_events(context: CommandContext) -> None:
        users = UserRepository(context.redis)
        known = await users.find_by_name(user) if user else None
        subject = known.user.subject if known else user
        names = _Usernames(users)
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

        async def show(entry: AuditEntry) -> None:
            _show(entry, await names.of(entry), as_json=as_json)

        repository = AuditRepository(context.redis)
        if follow:
            async for entry in repository.follow(since_ms=since_ms):
                if matches(entry):
                    await show(entry)
            return
        entries = repository.read(since_ms=since_ms or 0)
        if last is None:
            async for entry in entries:
                if matches(entry):
                    await show(entry)
        else:
            for entry in deque([entry async for entry in entries if matches(entry)], maxlen=last):
                await show(entry)

    run(show_events)


def _wanted_events(names: list[str]) -> frozenset[str]:
    wanted: set[str] = set()
    for name in names:
        matching = {e.value for e in AuditEvent if e == name or (name.endswith(".") and e.startswith(name))}
        if not matching:
            raise typer.BadParameter(f"there is no event {name!r}; see --help")
        wanted |= matching
    return frozenset(wanted)


class _Usernames:
    """The names of users, each read once until an event says that the user was added or removed."""

    def __init__(self, users: UserRepository) -> None:
        self._users = users
        self._names: dict[str, str | None] = {}

    async def of(self, entry: AuditEntry) -> str | None:
        """The name of the user of the entry; None if there is no such user any more, or none in the entry."""
        subject = entry.fields.get("user")
        if subject is None:
            return None
        if subject not in self._names or entry.event in _CHANGES_A_NAME:
            if len(self._names) >= _REMEMBERED_NAMES:
                self._names.clear()
            stored = await self._users.find(subject)
            self._names[subject] = stored.user.username if stored else None
        return self._names[subject]


def _show(entry: AuditEntry, username: str | None, *, as_json: bool) -> None:
    fields: dict[str, Any] = dict(entry.fields)
    subject = fields.get("user")
    if as_json:
        if subject is not None:
            # An event of a user who was removed may hold the name itself.
            fields |= {"username": fields.get("username", username), "user_removed": username is None}
        show_json(
            {"at": format_time(entry.at // 1000), "at_ms": entry.at, "event": entry.event, **fields, "id": entry.id}
        )
        return
    if subject is not None:
        fields["user"] = f"{subject} (removed)" if username is None else f"{printable(username)} ({subject})"
        if fields.get("username") == username:
            del fields["username"]
    echo(f"{format_time(entry.at // 1000)}  {entry.event:<28}" + "  ".join(f"{k}={v}" for k, v in fields.items()))
