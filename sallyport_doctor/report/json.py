"""The diagnosis as JSON, and as SARIF 2.1.0 for code scanning."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from sallyport_doctor.addresses import split
from sallyport_doctor.knowledge.catalogue import Severity

if TYPE_CHECKING:
    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.evaluation import Finding

_SARIF_LEVEL: Final = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "note"}


def as_json(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as JSON, in a stable format: members are only added."""
    return {
        "url": diagnosis.url,
        "exit_status": diagnosis.exit_status,
        "summary": {
            "kind": diagnosis.summary.kind,
            "headline": diagnosis.summary.headline,
            "steps": [{"finding": s.finding, "fix": s.fix} for s in diagnosis.summary.steps],
        },
        "clients_as_of": diagnosis.clients_as_of,
        "findings": [
            {
                "id": f.id,
                "severity": f.severity.value,
                "area": f.entry.area,
                "title": f.entry.title,
                "observed": f.observed,
                "expected": f.entry.expected,
                "why": f.entry.why,
                "fix": f.entry.fix,
                "sources": list(f.entry.sources),
                "interop": list(f.entry.interop),
            }
            for f in diagnosis.findings
        ],
        "clients": [
            {
                "id": v.client,
                "name": v.name,
                "outcome": v.outcome.name.lower(),
                "error_message": v.error_message,
                "reasons": [{"finding": r.finding, "why": r.why} for r in v.reasons],
            }
            for v in diagnosis.verdicts
        ],
        "remarks": list(diagnosis.remarks),
    }


def as_sarif(diagnosis: Diagnosis) -> dict[str, Any]:
    """The diagnosis as SARIF: one run, one rule per finding, the endpoint as the location."""
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": {"name": "sallyport-doctor", "rules": [_rule(f) for f in diagnosis.findings]}},
                "results": [_result(f, diagnosis.url) for f in diagnosis.findings],
                "columnKind": "unicodeCodePoints",
            }
        ],
    }


def _result(finding: Finding, url: str) -> dict[str, Any]:
    return {
        "ruleId": finding.id,
        "level": _SARIF_LEVEL[finding.severity],
        "message": {"text": f"{finding.entry.title}. Observed: {finding.observed}. Fix: {finding.entry.fix}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _as_path(url)}, "region": {"startLine": 1}}}],
        # Repeated uploads update one alert per finding and URL.
        "partialFingerprints": {"doctor/v1": hashlib.sha256(f"{finding.id} {url}".encode()).hexdigest()},
        "properties": {"url": url},
    }


def _as_path(url: str) -> str:
    """The URL as a relative path: code scanning rejects a location with a scheme other than `file`."""
    parts = split(url)
    return quote(f"{parts.hostname or 'token'}{f'_{parts.port}' if parts.port else ''}{parts.path}".rstrip("/"))


def _rule(finding: Finding) -> dict[str, Any]:
    entry = finding.entry
    return {
        "id": entry.id,
        "name": "".join(word.capitalize() for word in entry.id.split("-")),
        "shortDescription": {"text": entry.title},
        "fullDescription": {"text": entry.why},
        "help": {"text": f"{entry.fix} Expected: {entry.expected}. Sources: {'; '.join(entry.references)}."},
        "defaultConfiguration": {"level": _SARIF_LEVEL[entry.severity]},
        "properties": {"tags": [entry.area]},
    }
