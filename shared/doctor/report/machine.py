"""The diagnosis as JSON, and as SARIF 2.1.0 for the code-scanning views of forges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.doctor.knowledge.catalogue import Severity

if TYPE_CHECKING:
    from shared.doctor.diagnosis import Diagnosis
    from shared.doctor.judge import Finding

_SARIF_LEVEL: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """A stable form: members are only added."""
    return {
        "url": diagnosis.url,
        "exit_status": diagnosis.exit_status,
        "clients_as_of": diagnosis.clients_as_of,
        "findings": [
            {
                "id": f.id,
                "severity": f.severity.value,
                "area": f.entry.area,
                "title": f.entry.title,
                "seen": f.seen,
                "expected": f.entry.expected,
                "why": f.entry.why,
                "mend": f.entry.mend,
                "sources": list(f.entry.sources),
            }
            for f in diagnosis.findings
        ],
        "clients": [
            {
                "id": v.client,
                "name": v.name,
                "outcome": v.outcome.name.lower(),
                "says": v.says,
                "reasons": [{"finding": r.finding, "why": r.why} for r in v.reasons],
            }
            for v in diagnosis.verdicts
        ],
        "remarks": list(diagnosis.remarks),
    }


def as_sarif(diagnosis: Diagnosis) -> dict[str, Any]:
    """One run, one rule per finding, the endpoint as the place."""
    place = {"physicalLocation": {"artifactLocation": {"uri": diagnosis.url}}}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "sallyport-doctor", "rules": [_rule(f) for f in diagnosis.findings]}},
                "results": [
                    {
                        "ruleId": f.id,
                        "level": _SARIF_LEVEL[f.severity],
                        "message": {"text": f"{f.entry.title}. Seen: {f.seen}. Mend: {f.entry.mend}"},
                        "locations": [place],
                    }
                    for f in diagnosis.findings
                ],
            }
        ],
    }


def _rule(finding: Finding) -> dict[str, Any]:
    entry = finding.entry
    return {
        "id": entry.id,
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.why},
        "help": {"text": entry.mend},
    }
