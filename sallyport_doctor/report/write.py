"""Choosing the form of a report and writing it to standard output."""

from __future__ import annotations

import json
from enum import Enum
from typing import TYPE_CHECKING

from sallyport_doctor.report.junit import as_junit
from sallyport_doctor.report.machine import as_json, as_sarif
from sallyport_doctor.report.people import print_diagnosis

if TYPE_CHECKING:
    from rich.console import Console

    from sallyport_doctor.diagnosis import Diagnosis


class Form(Enum):
    """For whom a report is written."""

    PEOPLE = 1
    JSON = 2
    SARIF = 3
    JUNIT = 4


def write(console: Console, diagnosis: Diagnosis, form: Form) -> None:
    """Write the diagnosis in one form, and nothing else."""
    if form is Form.PEOPLE:
        print_diagnosis(console, diagnosis)
        return
    if form is Form.JUNIT:
        console.out(as_junit(diagnosis), highlight=False)
        return
    document = as_json(diagnosis) if form is Form.JSON else as_sarif(diagnosis)
    console.out(json.dumps(document, indent=2, ensure_ascii=False), highlight=False)
