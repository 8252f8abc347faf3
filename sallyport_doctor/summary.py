"""The first line of a report and what to do, derived from findings and verdicts. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sallyport_doctor.evaluation import printable
from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do: the fix of a finding that is more severe than a note."""

    finding: str
    severity: Severity
    title: str
    fix: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The result in one sentence, and the fixes.

    `kind` is healthy, notes, warnings, limited, fails, or the deciding finding.
    """

    kind: str
    headline: str
    steps: tuple[Step, ...]


def summarize(findings: Sequence[Finding], verdicts: Sequence[Verdict], *, endpoint: str) -> Summary:
    """The summary. `endpoint` is the URL at which an MCP endpoint was found."""
    steps = tuple(
        Step(f.id, f.severity, f.entry.title, f.entry.fix) for f in findings if f.severity is not Severity.NOTE
    )
    if findings and findings[0].entry.headline:
        return Summary(findings[0].id, printable(findings[0].entry.headline.format(endpoint=endpoint)), steps)
    kind, headline = _of_clients(verdicts, findings) or _of_findings(findings, has_clients=bool(verdicts))
    return Summary(kind, headline, steps)


def _of_clients(verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> tuple[str, str] | None:
    """The kind and headline when a client fails or is limited."""
    failing = [v.name for v in verdicts if v.outcome is Outcome.FAILS]
    limited = [v.name for v in verdicts if v.outcome is Outcome.LIMITED]
    if failing and len(failing) == len(verdicts):
        signs_in = not _areas_of(verdicts, findings) & {"network", "address", "mcp_endpoint"}
        return "fails", "Protected, but no client can sign in." if signs_in else "No client can use this server."
    others = " Limited: {}.".format(", ".join(limited)) if limited else ""
    if failing:
        return "fails", f"Fails for {len(failing)} of {len(verdicts)} clients: {', '.join(failing)}.{others}"
    if limited and len(limited) == len(verdicts):
        return "limited", "Every client works, each with a limitation."
    return ("limited", f"Every client works, with limitations for {', '.join(limited)}.") if limited else None


def _areas_of(verdicts: Sequence[Verdict], findings: Sequence[Finding]) -> set[str]:
    """The areas of the findings that the verdicts give as reasons."""
    reasons = {reason.finding for verdict in verdicts for reason in verdict.reasons}
    return {f.entry.area for f in findings if f.id in reasons}


def _of_findings(findings: Sequence[Finding], *, has_clients: bool) -> tuple[str, str]:
    """The kind and headline when no client is affected."""
    works = "Every client works. " if has_clients else ""
    if not findings:
        return "healthy", f"Healthy. {works}Nothing to fix."
    if all(f.severity is Severity.NOTE for f in findings):
        return "notes", f"Healthy. {works}{_count(findings, Severity.NOTE)} to consider."
    counts = [_count(findings, s) for s in (Severity.ERROR, Severity.WARNING) if any(f.severity is s for f in findings)]
    return "warnings", f"{works}{' and '.join(counts).capitalize()} below."


def _count(findings: Sequence[Finding], severity: Severity) -> str:
    number = sum(f.severity is severity for f in findings)
    return f"{number} {severity.value}{'' if number == 1 else 's'}"
