"""The command line: parses the options, runs the doctor, writes the report. Exit status 0, 1 or 2."""

from __future__ import annotations

import asyncio
import sys
import webbrowser
from contextlib import nullcontext
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console
from rich.markup import escape

from sallyport_doctor.evidence import ExaminationError
from sallyport_doctor.knowledge.catalogue import Knowledge, load_knowledge
from sallyport_doctor.report.text import print_explanation
from sallyport_doctor.report.writer import ReportFormat, write
from sallyport_doctor.run import RunOptions, run, run_offline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

EXAMINATION_FAILED: Final = 2
INTERRUPTED: Final = 130
"""The exit status after Ctrl-C: 128 + SIGINT, the shell convention."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command(context_settings={"help_option_names": ["-h", "--help"]})
def doctor(
    context: typer.Context,
    url: Annotated[
        str | None,
        typer.Argument(
            help="The URL of the MCP endpoint, as users enter it. Without a scheme: http on this machine, else https."
        ),
    ] = None,
    *,
    register: Annotated[
        bool, typer.Option("--register", help="Register like real clients; delete the clients afterwards.")
    ] = False,
    login: Annotated[
        bool, typer.Option("--login", help="Sign in through the browser, then test, refresh and revoke the tokens.")
    ] = False,
    client_id: Annotated[
        str | None, typer.Option(help="For --login: a pre-registered client, or the URL of its metadata document.")
    ] = None,
    client_secret: Annotated[
        str | None, typer.Option(help="The secret of --client-id; - prompts for it or reads standard input.")
    ] = None,
    callback_port: Annotated[
        int, typer.Option(help="For --login: the callback port; 0 means any free port.", min=0, max=65535)
    ] = 0,
    wait: Annotated[float, typer.Option(help="For --login: how long to wait for the user, in seconds.", min=1)] = 300,
    token: Annotated[
        str | None, typer.Option(help="Examine this access token without sending it; - reads standard input.")
    ] = None,
    explain: Annotated[str | None, typer.Option(help="Explain a finding; sends no request.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False,
    as_sarif: Annotated[bool, typer.Option("--sarif", help="Write SARIF 2.1.0.")] = False,
    as_junit: Annotated[bool, typer.Option("--junit", help="Write JUnit XML.")] = False,
    timeout: Annotated[float, typer.Option(help="Timeout per request, in seconds.", min=1, max=120)] = 20,
) -> None:
    """Diagnose an MCP server: which real clients fail or are limited, why, and how to fix it.

    Exit status: 0 healthy, 1 findings, 2 the server could not be examined.
    """
    console, errors = Console(highlight=False), Console(stderr=True, highlight=False)
    knowledge = load_knowledge()
    if explain is not None:
        raise typer.Exit(_explain(console, errors, explain, knowledge))
    formats = [f for f, on in ((ReportFormat.JSON, as_json), (ReportFormat.SARIF, as_sarif)) if on]
    formats += [ReportFormat.JUNIT] if as_junit else []
    conflict = _conflicting_options(formats, login=login, client_id=client_id, client_secret=client_secret, token=token)
    if conflict:
        errors.print(conflict)
        raise typer.Exit(EXAMINATION_FAILED)
    report_format = formats[0] if formats else ReportFormat.TEXT
    token, client_secret = _read_secret("Token", token), _read_secret("Client secret", client_secret)
    if url is None and token:
        diagnosis = run_offline(token, knowledge)
        write(console, diagnosis, report_format, command=context.command_path)
        raise typer.Exit(diagnosis.exit_status)
    if url is None:
        errors.print(f"URL missing. Example: {context.command_path} https://host/mcp")
        raise typer.Exit(EXAMINATION_FAILED)
    # Progress goes to a terminal only; with a pipe, standard error stays empty.
    progress = errors.status("examining") if errors.is_terminal else None
    options = RunOptions(
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
    report_progress = progress.update if progress else lambda _status: None
    with progress or nullcontext():
        try:
            diagnosis = asyncio.run(
                run(
                    options,
                    knowledge=knowledge,
                    open_page=_browser_opener(errors, report_progress),
                    on_request=lambda request: report_progress(escape(request)),
                )
            )
        except ExaminationError as exc:
            errors.print(str(exc), markup=False, soft_wrap=True)
            raise typer.Exit(EXAMINATION_FAILED) from exc
        except KeyboardInterrupt as exc:
            errors.print("interrupted; registered clients were deleted where the server supports it")
            raise typer.Exit(INTERRUPTED) from exc
    write(console, diagnosis, report_format, command=context.command_path)
    raise typer.Exit(diagnosis.exit_status)


def _conflicting_options(
    formats: list[ReportFormat], *, login: bool, client_id: str | None, client_secret: str | None, token: str | None
) -> str:
    """An error message for options that exclude each other; empty when there is no conflict."""
    if len(formats) > 1:
        return "Use only one of --json, --sarif and --junit."
    if client_id is not None and not login:
        return "--client-id requires --login."
    if client_secret is not None and client_id is None:
        return "--client-secret requires --client-id."
    if token == client_secret == "-":
        return "Only one of --token and --client-secret can be read from standard input."
    return ""


def _read_secret(prompt: str, value: str | None) -> str | None:
    """Resolve `-`: prompt at a terminal without echo, else read standard input. Keeps it out of the shell history."""
    if value != "-":
        return value
    if sys.stdin.isatty():
        return str(typer.prompt(prompt, hide_input=True, err=True)).strip()
    return sys.stdin.read().strip()


def _browser_opener(errors: Console, report_progress: Callable[[str], None]) -> Callable[[str], Awaitable[None]]:
    """Print the URL of the sign-in page, and open it in a browser when standard error is a terminal."""

    async def open_page(url: str) -> None:
        errors.print("Sign in at this URL:", markup=False)
        errors.print(url, markup=False, soft_wrap=True)
        if errors.is_terminal:
            await asyncio.to_thread(webbrowser.open, url)
        report_progress("waiting for the callback from the browser")

    return open_page


def _explain(console: Console, errors: Console, name: str, knowledge: Knowledge) -> int:
    if name in knowledge.catalogue:
        print_explanation(console, knowledge.catalogue[name], knowledge.clients)
        return 0
    close = [known for known in knowledge.catalogue if name.lower() in known]
    close = close or get_close_matches(name.lower(), knowledge.catalogue, n=5)
    hint = f"Perhaps: {', '.join(close)}" if close else "docs/doctor-findings.md lists all findings."
    errors.print(f"There is no finding named {name}. {hint}", markup=False, soft_wrap=True)
    return EXAMINATION_FAILED
