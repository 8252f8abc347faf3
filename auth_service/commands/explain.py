"""`explain REQUEST_ID`: why a request was answered with an error, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.audit.error_repository import ErrorRepository
from auth_service.audit.troubleshooting import troubleshooting_for
from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, echo, format_time, run, show_json

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext

app = new_app()


@app.command()
def explain(
    request_id: Annotated[str, typer.Argument(help="The request ID from the error page or the response.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Explain why a request was answered with an error: the error id, the private reason, and what to do.

    The last 50,000 errors are kept, fewer in a flood of one error. For others, search the log for the request ID.
    """

    async def show_error(context: CommandContext) -> None:
        given, errors = request_id.strip(), ErrorRepository(context.redis)
        # Generated ids are lower-case, however the user wrote them down; the id of a proxy may have upper case.
        error = await errors.find(given) or await errors.find(given.lower())
        if error is None:
            raise CommandFailed(
                f"no error with the request ID {request_id} is kept",
                hint="Search the log of auth_service, or for a request to mcp_service, the log of mcp_service.",
            )
        troubleshooting = troubleshooting_for(error.error_id)
        at = format_time(int(error.at_ms) // 1000)
        if as_json:
            extra = {"meaning": troubleshooting.meaning, "remedy": troubleshooting.remedy} if troubleshooting else {}
            show_json({**asdict(error), "at": at, **extra})
            return
        lines = {
            "when": at,
            "request": f"{error.method} {error.route}",
            "answer": f"{error.status} {error.error}",
            "client": error.client or "–",
            "address": error.address or "–",
            "error_id": error.error_id,
            "reason": error.reason,
        }
        if troubleshooting:
            lines |= {"meaning": troubleshooting.meaning, "remedy": troubleshooting.remedy}
        for name, value in lines.items():
            echo(f"{name:<9}{value}")

    run(show_error)
