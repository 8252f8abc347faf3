"""The diagnosis as JUnit XML: a test case for each client and for each finding."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.verdict import Outcome

if TYPE_CHECKING:
    from sallyport_doctor.diagnosis import Diagnosis
    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.verdict import Verdict


def as_junit(diagnosis: Diagnosis) -> str:
    """The diagnosis as JUnit XML. Its failures are what makes the exit status 1: failing clients, errors, warnings."""
    suite = Element("testsuite", name=f"sallyport-doctor {diagnosis.url}")
    for verdict in diagnosis.verdicts:
        _client(suite, verdict)
    for finding in diagnosis.findings:
        _finding(suite, finding)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    root = Element("testsuites")
    root.append(suite)
    indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tostring(root, encoding="unicode")}'


def _client(suite: Element, verdict: Verdict) -> None:
    case = SubElement(suite, "testcase", classname="doctor.clients", name=verdict.name)
    reasons = "\n".join(f"{r.finding}: {r.why}" for r in verdict.reasons)
    if verdict.outcome is Outcome.FAILS:
        SubElement(case, "failure", message=verdict.outcome.value).text = reasons
    elif reasons:
        SubElement(case, "system-out").text = f"{verdict.outcome.value}\n{reasons}"


def _finding(suite: Element, finding: Finding) -> None:
    entry = finding.entry
    case = SubElement(suite, "testcase", classname="doctor.findings", name=entry.id)
    text = f"observed: {finding.observed}\nexpected: {entry.expected}\nwhy: {entry.why}\nfix: {entry.fix}"
    if finding.severity is Severity.NOTE:
        SubElement(case, "system-out").text = f"{entry.title}\n{text}"
    else:
        SubElement(case, "failure", message=entry.title, type=finding.severity.value).text = text
