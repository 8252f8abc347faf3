"""The diagnosis as text for a terminal or a pipe: what matters first, what to do, the clients, the details."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table

from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.verdict import Verdict

_SEVERITY_STYLE: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_ORDER: Final = (Severity.ERROR, Severity.WARNING, Severity.NOTE)
_OUTCOME_STYLE: Final = {
    Outcome.WORKS: "green",
    Outcome.LIMITED: "yellow",
    Outcome.ANONYMOUS: "yellow",
    Outcome.FAILS: "bold red",
}


def print_diagnosis(console: Console, diagnosis: Diagnosis, *, command: str = "sallyport-doctor") -> None:
    """Write the report: the summary, what to do, the clients, then the details of each finding.

    Without a terminal there are no colours, and each text is one line, for grep. `command` is how the doctor was
    called, for the hint to its explanations.
    """
    _print(console, f"[bold]{escape(diagnosis.url)}[/bold]\n")
    _print(console, f"[{_style(diagnosis)}]{escape(diagnosis.summary.headline)}[/]")
    _print_steps(console, diagnosis)
    _print_clients(console, diagnosis)
    for remark in diagnosis.remarks:
        _print(console, f"\n[dim]{escape(remark)}[/dim]")
    if diagnosis.findings:
        _print(console, f"\n[bold]Details[/bold] (more: {command} --explain ID)")
    for finding in diagnosis.findings:
        _print_finding(console, finding)


def print_explanation(console: Console, entry: Entry, table: ClientTable) -> None:
    """Write the catalogue entry of a finding and the clients that it affects."""
    style = _SEVERITY_STYLE[entry.severity]
    console.print(
        f"[{style}]{entry.severity.value}[/] [bold]{escape(entry.id)}[/bold]  ({entry.area.replace('_', ' ')})"
    )
    console.print(escape(entry.title) + "\n")
    for name, text in (("Expected", entry.expected), ("Why it matters", entry.why), ("How to fix it", entry.fix)):
        console.print(f"[bold]{name}[/bold]")
        console.print(escape(text) + "\n")
    for name, affected in (
        ("Breaks", [c.name for c in table.clients if entry.id in c.fails]),
        ("Limits", [c.name for c in table.clients if entry.id in c.limited and entry.id not in c.fails]),
        ("Connects without a sign-in", [c.name for c in table.clients if entry.id in c.anonymous]),
    ):
        if affected:
            console.print(f"[bold]{name}[/bold]")
            console.print(escape(", ".join(affected)) + "\n")
    console.print("[bold]Sources[/bold]")
    for source in entry.references:
        console.print(f"  {escape(source)}")


def _print(console: Console, text: str) -> None:
    console.print(text, soft_wrap=not console.is_terminal)


def _style(diagnosis: Diagnosis) -> str:
    failing = any(v.outcome is Outcome.FAILS for v in diagnosis.verdicts)
    worst = Severity.ERROR if failing else min((f.severity for f in diagnosis.findings), key=_ORDER.index, default=None)
    return "bold green" if worst in {None, Severity.NOTE} else f"bold {_SEVERITY_STYLE[worst].removeprefix('bold ')}"


def _print_steps(console: Console, diagnosis: Diagnosis) -> None:
    if not diagnosis.summary.steps:
        return
    _print(console, "\n[bold]What to do[/bold]")
    for number, step in enumerate(diagnosis.summary.steps, start=1):
        style = _SEVERITY_STYLE[step.severity]
        _print(console, f"{number:>3}. [{style}]{step.severity.value}[/]: {escape(step.title)} ({step.finding})")
        if console.is_terminal:
            console.print(Padding(escape(step.fix), (0, 0, 0, 5)))
        else:
            _print(console, f"     {escape(step.fix)}")


def _print_clients(console: Console, diagnosis: Diagnosis) -> None:
    """Print a table of the clients that fail or are limited, a row for equal results; one line if all are equal."""
    if not diagnosis.verdicts or any(f.entry.conclusive for f in diagnosis.findings):
        return
    _print(console, f"\n[bold]Clients[/bold] (as of {diagnosis.clients_as_of})")
    first = diagnosis.verdicts[0]
    if all((v.outcome, v.reasons, v.error_message) == (first.outcome, first.reasons, "") for v in diagnosis.verdicts):
        findings = ", ".join(r.finding for r in first.reasons)
        _print_line(console, f"Every client {first.outcome.value}{findings and f' ({findings})'}", diagnosis.verdicts)
        return
    table = Table(expand=False, show_lines=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("clients", ratio=1)
    table.add_column("reason", overflow="fold", ratio=2)
    titles = {f.id: f.entry.title for f in diagnosis.findings}
    for outcome in (Outcome.FAILS, Outcome.ANONYMOUS, Outcome.LIMITED):
        names: dict[str, list[str]] = {}
        for verdict in (v for v in diagnosis.verdicts if v.outcome is outcome):
            names.setdefault(_reasons_of(verdict, titles), []).append(verdict.name)
        for reasons, alike in names.items():
            style = _OUTCOME_STYLE[outcome]
            table.add_row(f"[{style}]{outcome.value}[/]", escape(", ".join(alike)), escape(reasons))
    console.print(table)
    _print_line(console, "Works", [v for v in diagnosis.verdicts if v.outcome is Outcome.WORKS])


def _print_line(console: Console, label: str, verdicts: Sequence[Verdict]) -> None:
    if verdicts:
        _print(console, f"{label}: {escape(', '.join(v.name for v in verdicts))}.")


def _reasons_of(verdict: Verdict, titles: Mapping[str, str]) -> str:
    """The reasons of a client: specific ones in full, others by finding id, since their titles follow the table."""
    specific = [f"{r.finding}: {r.why}" for r in verdict.reasons if r.why != titles.get(r.finding)]
    others = ", ".join(r.finding for r in verdict.reasons if r.why == titles.get(r.finding))
    message = f'the user sees "{verdict.error_message}"' if verdict.error_message else ""
    return "\n".join(line for line in (*specific, others, message) if line)


def _print_finding(console: Console, finding: Finding) -> None:
    entry = finding.entry
    style = _SEVERITY_STYLE[entry.severity]
    _print(console, f"\n[{style}]{entry.severity.value}[/] [bold]{escape(entry.id)}[/bold]: {escape(entry.title)}")
    texts = {"observed": finding.observed, "expected": entry.expected, "why": entry.why, "fix": entry.fix}
    if finding.severity is not Severity.NOTE:
        del texts["fix"]  # see what to do
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in {**texts, "sources": "; ".join(entry.references)}.items():
        if console.is_terminal:
            grid.add_row(f"  [dim]{name:>8}[/dim]", escape(text))
        else:
            console.print(f"  {name:>8}  {escape(text)}", soft_wrap=True)
    if console.is_terminal:
        console.print(grid)
