"""The diagnosis as text for a terminal or a pipe: the clients as a table, then each finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.markup import escape
from rich.table import Table

from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.console import Console

    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.verdict import Verdict

_SEVERITY_STYLE: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_OUTCOME_STYLE: Final = {Outcome.WORKS: "green", Outcome.LIMITED: "yellow", Outcome.FAILS: "bold red"}


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Write the report. Without a terminal there are no colours, and each text is one line, for grep."""
    console.print(f"[bold]{escape(diagnosis.url)}[/bold]", soft_wrap=True)
    for remark in diagnosis.remarks:
        console.print(escape(remark), style="dim", soft_wrap=not console.is_terminal)
    console.print()
    if diagnosis.verdicts:
        console.print(_clients(diagnosis))
    for finding in diagnosis.findings:
        _print_finding(console, finding)
    console.print()
    console.print(_summary(diagnosis), soft_wrap=not console.is_terminal)


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
    ):
        if affected:
            console.print(f"[bold]{name}[/bold]")
            console.print(escape(", ".join(affected)) + "\n")
    console.print("[bold]Sources[/bold]")
    for source in entry.references:
        console.print(f"  {escape(source)}")


def _clients(diagnosis: Diagnosis) -> Table:
    table = Table(caption=f"clients as of {diagnosis.clients_as_of}", caption_justify="left", expand=False)
    table.add_column("client", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("reason", overflow="fold")
    titles = {f.id: f.entry.title for f in diagnosis.findings}
    for verdict in diagnosis.verdicts:
        style = _OUTCOME_STYLE[verdict.outcome]
        table.add_row(verdict.name, f"[{style}]{verdict.outcome.value}[/]", escape(_reasons(verdict, titles)))
    return table


def _reasons(verdict: Verdict, titles: Mapping[str, str]) -> str:
    """Client-specific reasons in full, other findings by id: their titles follow below the table."""
    specific = [f"{r.finding}: {r.why}" for r in verdict.reasons if r.why != titles.get(r.finding)]
    others = ", ".join(r.finding for r in verdict.reasons if r.why == titles.get(r.finding))
    message = f'the user sees "{verdict.error_message}"' if verdict.error_message else ""
    return "\n".join(line for line in (*specific, others, message) if line)


def _print_finding(console: Console, finding: Finding) -> None:
    entry = finding.entry
    style = _SEVERITY_STYLE[entry.severity]
    console.print()
    heading = f"[{style}]{entry.severity.value}[/] [bold]{escape(entry.id)}[/bold]: {escape(entry.title)}"
    console.print(heading, soft_wrap=not console.is_terminal)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in (
        ("observed", finding.observed),
        ("expected", entry.expected),
        ("why", entry.why),
        ("fix", entry.fix),
        ("sources", "; ".join(entry.references)),
    ):
        if console.is_terminal:
            grid.add_row(f"  [dim]{name:>8}[/dim]", escape(text))
        else:
            console.print(f"  {name:>8}  {escape(text)}", soft_wrap=True)
    if console.is_terminal:
        console.print(grid)


def _summary(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return "[green]Nothing to fix.[/green]"
    counts = {s: sum(f.severity is s for f in diagnosis.findings) for s in Severity}
    totals = ", ".join(f"{n} {s.value}{'' if n == 1 else 's'}" for s, n in counts.items() if n)
    clients = "".join(_clients_with(diagnosis, outcome) for outcome in (Outcome.FAILS, Outcome.LIMITED))
    return f"{totals}. Details: python -m sallyport_doctor --explain ID{clients}"


def _clients_with(diagnosis: Diagnosis, outcome: Outcome) -> str:
    """A line with the clients of this outcome; empty when there are none."""
    names = [v.name for v in diagnosis.verdicts if v.outcome is outcome]
    listed = "every client" if len(names) == len(diagnosis.verdicts) else ", ".join(names)
    return f"\n{outcome.value.capitalize()}: {listed}." if names else ""
