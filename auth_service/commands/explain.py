"""`explain REF`: why a request was refused, and what to do."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from auth_service.audit.error_repository import RefusalStorage
from auth_service.audit.troubleshooting import advice_for
from auth_service.commands.app import new_app
from auth_service.commands.console import CommandFailed, JsonOption, as_time, run, say, show_json

if TYPE_CHECKING:
    from auth_service.commands.console import Workplace

app = new_app()


@app.command()
def explain(
    reference: Annotated[str, typer.Argument(help="The reference that the page or the answer showed.")],
    *,
    as_json: JsonOption = False,
) -> None:
    """Say why a request was refused: the check that failed, the private reason, and what to do.

    The last 50,000 refusals are known, fewer of those that come in floods; beyond that, search the log for the
    reference.
    """

    async def work(workplace: Workplace) -> None:
        refused = await RefusalStorage(workplace.store).find(reference.strip().lower())
        if refused is None:
            raise CommandFailed(
                f"no refusal with the reference {reference} is kept",
                hint="Search the logs of auth_service for it; a reference of mcp_service is in that service's logs.",
            )
        advice = advice_for(refused.check)
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
            "check": refused.check,
            "reason": refused.reason,
        }
        if advice:
            lines |= {"meaning": advice.meaning, "remedy": advice.remedy}
        for name, value in lines.items():
            say(f"{name:<9}{value}")

    run(work)
