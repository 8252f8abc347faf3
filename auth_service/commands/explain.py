"""`explain REF`: why a request was refused, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.audit.error_repository import ErrorRepository
from auth_service.audit.troubleshooting import advice_for
from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, as_time, run, say, show_json

if TYPE_CHECKING:
    from auth_service.commands.console import CommandContext

app = new_app()


@app.command()
def explain(
    request_id: Annotated[str, typer.Argument(help="The request ID that the page or the response showed.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Say why a request was refused: the check that failed, the private reason, and what to do.

    The last 50,000 refusals are known, fewer of those that come in floods; beyond that, search the log for the
    request ID.
    """

    async def work(workplace: CommandContext) -> None:
        refused = await ErrorRepository(workplace.store).find(request_id.strip().lower())
        if refused is None:
            raise CommandFailed(
                f"no refusal with the request ID {request_id} is kept",
                hint="Search the logs of auth_service for it; a request ID of mcp_service is in that service's logs.",
            )
        advice = advice_for(refused.error_id)
        at = as_time(int(refused.at_ms) // 1000)
        if as_json:
            extra = {"meaning": advice.meaning, "remedy": advice.remedy} if advice else {}
            show_json({**asdict(refused), "at": at, **extra})
            return
        lines = {
            "when": at,
            "request": f"{refused.method} {refused.route}",
            "answer": f"{refused.status} {refused.error}",
            "client": refused.client or "–",
            "address": refused.address or "–",
            "error_id": refused.error_id,
            "reason": refused.reason,
        }
        if advice:
            lines |= {"meaning": advice.meaning, "remedy": advice.remedy}
        for name, value in lines.items():
            say(f"{name:<9}{value}")

    run(work)
