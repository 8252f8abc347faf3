"""`explain ID`: why a request was answered with an error, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.audit.error_repository import ErrorRepository
from auth_service.audit.troubleshooting import TROUBLESHOOTING, is_error_id, troubleshooting_for
from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, echo, format_time, run, show_json
from shared.operator_commands import log_search, operator_command, runnable

if TYPE_CHECKING:
    from auth_service.audit.troubleshooting import Troubleshooting
    from auth_service.commands.console import CommandContext

app = new_app()


@app.command()
def explain(
    given: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="The request ID from a page or a response, or the error_id from a log line of a service."
        ),
    ],
    *,
    as_json: JsonOption = False,
) -> None:
    """Explain why a request was answered with an error: the error id, the private reason, and what to do.

    auth_service keeps its last 50,000 errors, fewer in a flood of one error. Those of mcp_service are in its log only:
    find the line with the request ID, then explain its error_id.
    """
    given = given.strip()
    if is_error_id(given):
        _show_meanings(given, as_json=as_json)
        return

    async def show_error(context: CommandContext) -> None:
        errors = ErrorRepository(context.redis)
        # Generated ids are lower-case, however the user wrote them down; the id of a proxy may have upper case.
        error = await errors.find(given) or await errors.find(given.lower())
        if error is None:
            raise CommandFailed(
                f"auth_service keeps no error with the request ID {given}", hint=_where_to_search(given)
            )
        found = troubleshooting_for("auth_service", error.error_id)
        meaning = _as_members(found, client=error.client) if found else {}
        at = format_time(int(error.at_ms) // 1000)
        if as_json:
            show_json({**asdict(error), "at": at, **meaning})
            return
        _show_lines(
            {
                "when": at or "–",
                "request": f"{error.method} {error.route}",
                "answer": f"{error.status} {error.error}",
                "client": error.client or "–",
                "address": error.address or "–",
                "error_id": error.error_id,
                "reason": error.reason,
                **meaning,
            }
        )

    run(show_error)


def _show_meanings(error_id: str, *, as_json: bool) -> None:
    """The meaning of an error id in each service that has it; one entry where both mean the same."""
    services: dict[Troubleshooting, list[str]] = {}
    for service in TROUBLESHOOTING:
        found = troubleshooting_for(service, error_id)
        if found is not None:
            services.setdefault(found, []).append(service)
    entries = [
        {"error_id": error_id, "service": ", ".join(names), **_as_members(found)} for found, names in services.items()
    ]
    if as_json:
        show_json(entries)
        return
    for number, entry in enumerate(entries):
        if number:
            echo("")
        _show_lines(entry)


def _as_members(found: Troubleshooting, *, client: str = "") -> dict[str, str]:
    return {
        "meaning": found.meaning,
        "remedy": runnable(found.remedy, **({"ID": client} if client else {})),
    }


def _show_lines(lines: dict[str, str]) -> None:
    for name, value in lines.items():
        echo(f"{name:<9}{value}")


def _where_to_search(request_id: str) -> str:
    """The log line of any request has its id, of either service; its error_id can be explained then."""
    search = log_search(request_id)
    return (
        "Every response with an error has its line in the log of one of the two services, by the request ID"
        f"{f': {search}' if search else '.'}\n"
        f"Then explain its error_id: {operator_command('auth_service', 'explain', 'ERROR_ID')}"
    )
