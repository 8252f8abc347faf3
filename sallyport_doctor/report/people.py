"""The diagnosis for people: a table of clients, then each finding with what was seen and how to mend it."""

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
    from sallyport_doctor.judge import Finding
    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.verdict import Verdict

_SEVERITY_STYLE: Final = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_OUTCOME_STYLE: Final = {Outcome.WORKS: "green", Outcome.LIMITED: "yellow", Outcome.FAILS: "bold red"}


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Write everything that is worth knowing; nothing at all is coloured when the output is not a terminal."""
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


def print_entry(console: Console, entry: Entry, table: ClientTable) -> None:
    """The page of one finding, without a server at hand."""
    style = _SEVERITY_STYLE[entry.severity]
    console.print(
        f"[{style}]{entry.severity.value}[/] [bold]{escape(entry.id)}[/bold]  ({entry.area.replace('_', ' ')})"
    )
    console.print(escape(entry.title) + "\n")
    for name, text in (("Expected", entry.expected), ("Why it matters", entry.why), ("How to mend it", entry.mend)):
        console.print(f"[bold]{name}[/bold]")
        console.print(escape(text) + "\n")
    for name, touched in (
        ("Breaks", [c.name for c in table.clients if entry.id in c.fails]),
        ("Limits", [c.name for c in table.clients if entry.id in c.limited and entry.id not in c.fails]),
    ):
        if touched:
            console.print(f"[bold]{name}[/bold]")
            console.print(escape(", ".join(touched)) + "\n")
    console.print("[bold]Sources[/bold]")
    for source in entry.sources:
        console.print(f"  {escape(source)}")


def _clients(diagnosis: Diagnosis) -> Table:
    table = Table(caption=f"clients as of {diagnosis.clients_as_of}", caption_justify="left", expand=False)
    table.add_column("client", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("because", overflow="fold")
    titles = {f.id: f.entry.title for f in diagnosis.findings}
    for verdict in diagnosis.verdicts:
        style = _OUTCOME_STYLE[verdict.outcome]
        table.add_row(verdict.name, f"[{style}]{verdict.outcome.value}[/]", escape(_because(verdict, titles)))
    return table


def _because(verdict: Verdict, titles: Mapping[str, str]) -> str:
    """The client's own reasons in full; what is told below with the finding by its name alone."""
    own = [f"{r.finding}: {r.why}" for r in verdict.reasons if r.why != titles.get(r.finding)]
    others = ", ".join(r.finding for r in verdict.reasons if r.why == titles.get(r.finding))
    says = f"its user sees: «{verdict.says}»" if verdict.says else ""
    return "\n".join(line for line in (*own, others, says) if line)


def _print_finding(console: Console, finding: Finding) -> None:
    entry = finding.entry
    style = _SEVERITY_STYLE[entry.severity]
    console.print()
    heading = f"[{style}]{entry.severity.value}[/] [bold]{escape(entry.id)}[/bold]: {escape(entry.title)}"
    console.print(heading, soft_wrap=not console.is_terminal)
    grid = Table.grid(padding=(0, 2, 0, 0))
    for name, text in (
        ("seen", finding.seen),
        ("expected", entry.expected),
        ("why", entry.why),
        ("mend", entry.mend),
        ("by", "; ".join(entry.sources)),
    ):
        if console.is_terminal:
            grid.add_row(f"  [dim]{name:>8}[/dim]", escape(text))
        else:
            # Whole lines for whoever searches them.
            console.print(f"  {name:>8}  {escape(text)}", soft_wrap=True)
    if console.is_terminal:
        console.print(grid)


def _summary(diagnosis: Diagnosis) -> str:
    if not diagnosis.findings:
        return "[green]Nothing to mend.[/green]"
    counts = {s: sum(f.severity is s for f in diagnosis.findings) for s in Severity}
    told = ", ".join(f"{n} {s.value}{'' if n == 1 else 's'}" for s, n in counts.items() if n)
    lots = "".join(_lot(diagnosis, outcome) for outcome in (Outcome.FAILS, Outcome.LIMITED))
    return f"{told}. A page on each: python -m sallyport_doctor --explain ID{lots}"


def _lot(diagnosis: Diagnosis, outcome: Outcome) -> str:
    """Who fares like this, as a line of its own; empty when nobody does."""
    names = [v.name for v in diagnosis.verdicts if v.outcome is outcome]
    who = "every client" if len(names) == len(diagnosis.verdicts) else ", ".join(names)
    return f"\n{outcome.value.capitalize()}: {who}." if names else ""
