"""Everything the doctor has to say about one server, before it is written down in any form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import Reach
from sallyport_doctor.judge import judge
from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.login.description import describe
from sallyport_doctor.observation import Observation
from sallyport_doctor.printable import printable
from sallyport_doctor.verdict import Outcome, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.judge import Finding
    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.login.seen import TokenSeen
    from sallyport_doctor.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The findings, the verdict per client, and remarks that are no findings."""

    url: str
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    remarks: tuple[str, ...]
    clients_as_of: str

    @property
    def exit_status(self) -> int:
        """0 healthy, 1 findings. Notes alone are health."""
        serious = any(f.severity is not Severity.NOTE for f in self.findings)
        return 1 if serious or any(v.outcome is Outcome.FAILS for v in self.verdicts) else 0


def diagnose(seen: Observation, catalogue: Mapping[str, Entry], table: ClientTable) -> Diagnosis:
    """Judge an observation. Pure."""
    findings = judge(seen, catalogue)
    return Diagnosis(
        url=seen.url,
        findings=findings,
        verdicts=verdicts(findings, table),
        remarks=_remarks(seen, table),
        clients_as_of=table.as_of,
    )


def _remarks(seen: Observation, table: ClientTable) -> tuple[str, ...]:
    remarks: list[str] = []
    if seen.reach is Reach.LOOPBACK:
        hosted = ", ".join(c.name for c in table.clients if c.hosted)
        remarks.append(
            f"This address is on this machine. {hosted} call from their vendors' servers and cannot reach it; "
            "their verdict is for the day it is published over https."
        )
    if seen.registration is not None:
        remarks.extend(seen.registration.remarks)
    if seen.login is not None:
        remarks.extend(seen.login.remarks)
        step_up = seen.login.step_up
        if step_up is not None:
            answer = printable(f"{step_up.answer.status} to {step_up.asked}")
            remarks.append(f"A call that needs more than the token's scopes got {answer}.")
    if seen.token is not None:
        remarks.append(describe(seen.token))
    return tuple(remarks)


def diagnose_token(token: TokenSeen, *, now: float, catalogue: Mapping[str, Entry]) -> Diagnosis:
    """Judge a token alone, without any server: there are no clients to speak of. Pure."""
    seen = Observation(url="", now=now, token_at_hand=token)
    return Diagnosis(
        url="a token at hand",
        findings=judge(seen, catalogue),
        verdicts=(),
        remarks=(describe(token),),
        clients_as_of="",
    )
