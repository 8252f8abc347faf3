"""The command: reads the arguments, runs the examination, writes the report, and ends with 0, 1 or 2."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from shared.doctor.asker import Asker
from shared.doctor.diagnosis import diagnose
from shared.doctor.examine import CouldNotLook, examine
from shared.doctor.knowledge.catalogue import load_catalogue
from shared.doctor.knowledge.clients import load_clients
from shared.doctor.names import Names
from shared.doctor.report.machine import as_json, as_sarif
from shared.doctor.report.people import print_diagnosis, print_entry

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.doctor.diagnosis import Diagnosis

COULD_NOT_RUN: Final = 2

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def doctor(
    url: Annotated[str | None, typer.Argument(help="The MCP endpoint, as people paste it into a client.")] = None,
    *,
    explain: Annotated[str | None, typer.Option(help="Show the page of one finding, and ask no server.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    as_sarif_: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait for one answer, in seconds.", min=1, max=120)] = 20,
) -> None:
    """Say what each real MCP client would trip over at an address, why, and how to mend it.

    Ends with 0 when all is well, 1 when there are findings, 2 when it could not look.
    """
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    if explain is not None:
        raise typer.Exit(_explain(console, errors, explain))
    if url is None:
        errors.print("Which address? For example: python -m shared.doctor https://host/mcp")
        raise typer.Exit(COULD_NOT_RUN)
    # A terminal is told what is being asked; a pipe gets the report alone.
    waiting = errors.status("looking") if errors.is_terminal else None
    with waiting or nullcontext():
        try:
            diagnosis = asyncio.run(_look(url, timeout, waiting.update if waiting else _quiet))
        except CouldNotLook as exc:
            errors.print(str(exc), markup=False)
            raise typer.Exit(COULD_NOT_RUN) from exc
    _write(console, diagnosis, json_wanted=as_json_, sarif_wanted=as_sarif_)
    raise typer.Exit(diagnosis.exit_status)


async def _look(url: str, timeout_seconds: float, on_ask: Callable[[str], None]) -> Diagnosis:
    names = Names()
    async with Asker(url, names=names, timeout_seconds=timeout_seconds, on_ask=on_ask) as asker:
        seen = await examine(url, asker=asker, names=names)
    return diagnose(seen, load_catalogue(), load_clients())


def _write(console: Console, diagnosis: Diagnosis, *, json_wanted: bool, sarif_wanted: bool) -> None:
    if json_wanted or sarif_wanted:
        document = as_json(diagnosis) if json_wanted else as_sarif(diagnosis)
        typer.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        print_diagnosis(console, diagnosis)


def _explain(console: Console, errors: Console, name: str) -> int:
    catalogue = load_catalogue()
    if name not in catalogue:
        close = [known for known in catalogue if name.lower() in known]
        errors.print(
            f"There is no finding named {name}. {('Perhaps: ' + ', '.join(close)) if close else ''}", markup=False
        )
        return COULD_NOT_RUN
    print_entry(console, catalogue[name])
    return 0


def _quiet(_what: str) -> None:
    """Nobody watches."""
