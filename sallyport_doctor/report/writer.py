"""Writes a diagnosis to standard output in the chosen format."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

from sallyport_doctor.report.json import as_json, as_sarif
from sallyport_doctor.report.junit import as_junit
from sallyport_doctor.report.text import print_diagnosis

if TYPE_CHECKING:
    from rich.console import Console

    from sallyport_doctor.diagnosis import Diagnosis


class ReportFormat(Enum):
    """The formats of a report."""

    TEXT = 1
    JSON = 2
    SARIF = 3
    JUNIT = 4


def write(console: Console, diagnosis: Diagnosis, report_format: ReportFormat, *, command: str) -> None:
    """Write the diagnosis and nothing else. `command` is how the doctor was called."""
    if report_format is ReportFormat.TEXT:
        print_diagnosis(console, diagnosis, command=command)
        return
    if report_format is ReportFormat.JUNIT:
        console.out(as_junit(diagnosis), highlight=False)
        return
    document = as_json(diagnosis) if report_format is ReportFormat.JSON else as_sarif(diagnosis)
    console.out(json.dumps(document, indent=2, ensure_ascii=False), highlight=False)
