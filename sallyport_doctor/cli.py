"""The command: reads the arguments, runs the examination, writes the report, and ends with 0, 1 or 2."""

from __future__ import annotations

import asyncio
import sys
from contextlib import nullcontext
from difflib import get_close_matches
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from sallyport_doctor.could_not_look import CouldNotLook
from sallyport_doctor.knowledge.load import Knowledge, load_knowledge
from sallyport_doctor.report.people import print_entry
from sallyport_doctor.report.write import Form, write
from sallyport_doctor.visit import Visit, examine_token, show_or_open, visit

COULD_NOT_RUN: Final = 2
INTERRUPTED: Final = 130
"""What a shell expects of a program that was stopped with Ctrl-C."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def doctor(
    url: Annotated[str | None, typer.Argument(help="The MCP endpoint, as people paste it into a client.")] = None,
    *,
    register: Annotated[
        bool, typer.Option("--register", help="Register as real clients do, and delete it again where possible.")
    ] = False,
    login: Annotated[
        bool, typer.Option("--login", help="Sign in through the browser and follow the tokens to their end.")
    ] = False,
    client_id: Annotated[
        str | None, typer.Option(help="For --login: a client registered by hand, or its metadata document's address.")
    ] = None,
    client_secret: Annotated[
        str | None, typer.Option(help="For --client-id: its secret; - asks for it, or reads it from a pipe.")
    ] = None,
    callback_port: Annotated[
        int, typer.Option(help="For --login: the port of the answer; 0 takes any.", min=0, max=65535)
    ] = 0,
    wait: Annotated[float, typer.Option(help="For --login: how long to wait for the person, in seconds.", min=1)] = 300,
    token: Annotated[
        str | None, typer.Option(help="Examine an access token without sending it anywhere; - reads it from a pipe.")
    ] = None,
    explain: Annotated[str | None, typer.Option(help="Show the page of one finding, and ask no server.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0.")] = False,
    as_junit: Annotated[bool, typer.Option("--junit", help="Write JUnit XML.")] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait for one answer, in seconds.", min=1, max=120)] = 20,
) -> None:
    """Say what each real MCP client would trip over at an address, why, and how to mend it.

    Ends with 0 when all is well, 1 when there are findings, 2 when it could not look.
    """
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    knowledge = load_knowledge()
    if explain is not None:
        raise typer.Exit(_explain(console, errors, explain, knowledge))
    wanted_forms = [f for f, on in ((Form.JSON, as_json), (Form.SARIF, as_sarif), (Form.JUNIT, as_junit)) if on]
    form = wanted_forms[0] if wanted_forms else Form.PEOPLE
    problem = _contradiction(wanted_forms, login=login, client_id=client_id, client_secret=client_secret, token=token)
    if problem:
        errors.print(problem)
        raise typer.Exit(COULD_NOT_RUN)
    token, client_secret = _asked_for("The token", token), _asked_for("The client's secret", client_secret)
    if url is None and token:
        diagnosis = examine_token(token, knowledge)
        write(console, diagnosis, form)
        raise typer.Exit(diagnosis.exit_status)
    if url is None:
        errors.print("Which address? For example: python -m sallyport_doctor https://host/mcp")
        raise typer.Exit(COULD_NOT_RUN)
    # A terminal is told what is being asked; a pipe gets the report alone.
    waiting = errors.status("looking") if errors.is_terminal else None
    wanted = Visit(
        url=url,
        timeout_seconds=timeout,
        register=register,
        login=login,
        client_id=client_id,
        client_secret=client_secret,
        callback_port=callback_port,
        wait_seconds=wait,
        token=token,
    )
    with waiting or nullcontext():
        try:
            diagnosis = asyncio.run(
                visit(
                    wanted,
                    knowledge=knowledge,
                    open_page=show_or_open(errors, on_wait=waiting.update if waiting else None),
                    on_ask=(lambda what: waiting.update(escape(what))) if waiting else None,
                )
            )
        except CouldNotLook as exc:
            errors.print(str(exc), markup=False, soft_wrap=True)
            raise typer.Exit(COULD_NOT_RUN) from exc
        except KeyboardInterrupt as exc:
            errors.print("stopped; what was registered for the visit is deleted where the server can")
            raise typer.Exit(INTERRUPTED) from exc
    write(console, diagnosis, form)
    raise typer.Exit(diagnosis.exit_status)


def _contradiction(
    forms: list[Form], *, login: bool, client_id: str | None, client_secret: str | None, token: str | None
) -> str:
    """What is wrong with the arguments together; empty when nothing is."""
    if len(forms) > 1:
        return "One form at a time: --json, --sarif or --junit."
    if client_id is not None and not login:
        return "--client-id is for --login."
    if client_secret is not None and client_id is None:
        return "--client-secret needs --client-id."
    if token == client_secret == "-":
        return "Only one of --token and --client-secret can come from the pipe."
    return ""


def _asked_for(what: str, value: str | None) -> str | None:
    """A secret that stays out of the shell's history: typed unseen at a terminal, read from a pipe otherwise."""
    if value != "-":
        return value
    if sys.stdin.isatty():
        return str(typer.prompt(what, hide_input=True, err=True)).strip()
    return sys.stdin.read().strip()


def _explain(console: Console, errors: Console, name: str, knowledge: Knowledge) -> int:
    if name in knowledge.catalogue:
        print_entry(console, knowledge.catalogue[name], knowledge.clients)
        return 0
    close = [known for known in knowledge.catalogue if name.lower() in known]
    close = close or get_close_matches(name.lower(), knowledge.catalogue, n=5)
    hint = f"Perhaps: {', '.join(close)}" if close else "docs/doctor-findings.md lists them all."
    errors.print(f"There is no finding named {name}. {hint}", markup=False, soft_wrap=True)
    return COULD_NOT_RUN
