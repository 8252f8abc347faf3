"""The result of a run: findings, verdicts and remarks, independent of the report format. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import Reach
from sallyport_doctor.evaluation import evaluate_rules, printable
from sallyport_doctor.evidence import Evidence
from sallyport_doctor.knowledge.catalogue import Severity
from sallyport_doctor.login_evidence import Signature
from sallyport_doctor.summary import Summary, summarize
from sallyport_doctor.verdict import Outcome, verdicts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.evaluation import Finding
    from sallyport_doctor.knowledge.catalogue import Entry
    from sallyport_doctor.knowledge.clients import ClientTable
    from sallyport_doctor.login_evidence import TokenEvidence
    from sallyport_doctor.verdict import Verdict

_SIGNATURES: Final = {
    Signature.VALID: "verified offline with the JWKS",
    Signature.INVALID: "signature invalid",
    Signature.UNKNOWN_KEY: "signed with a key that is not in the JWKS",
    Signature.NOT_CHECKED: "not verified",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """The summary, the findings, the verdict per client, and remarks that are not findings."""

    url: str
    summary: Summary
    findings: tuple[Finding, ...]
    verdicts: tuple[Verdict, ...]
    remarks: tuple[str, ...]
    clients_as_of: str

    @property
    def exit_status(self) -> int:
        """1 if a client fails or a finding is more severe than a note, else 0."""
        serious = any(f.severity is not Severity.NOTE for f in self.findings)
        return 1 if serious or any(v.outcome is Outcome.FAILS for v in self.verdicts) else 0


def diagnose(evidence: Evidence, catalogue: Mapping[str, Entry], table: ClientTable) -> Diagnosis:
    """Turn evidence into a diagnosis."""
    findings = evaluate_rules(evidence, catalogue)
    by_client = verdicts(findings, table)
    return Diagnosis(
        url=evidence.url,
        summary=summarize(findings, by_client, endpoint=evidence.endpoint_elsewhere or evidence.url),
        findings=findings,
        verdicts=by_client,
        remarks=_remarks(evidence, table),
        clients_as_of=table.as_of,
    )


def diagnose_token(token: TokenEvidence, *, now: float, catalogue: Mapping[str, Entry]) -> Diagnosis:
    """The diagnosis of a token without a server, so without verdicts. `now` is in seconds since 1970."""
    findings = evaluate_rules(Evidence(url="", now=now, supplied_token=token), catalogue)
    return Diagnosis(
        url="the supplied token",
        summary=summarize(findings, (), endpoint=""),
        findings=findings,
        verdicts=(),
        remarks=(describe_token(token),),
        clients_as_of="",
    )


def describe_token(token: TokenEvidence) -> str:
    """Kind, issuer, audience, lifetime and scope of a token in one sentence; never the token itself."""
    if token.opaque:
        return "The access token is opaque: only its issuer can interpret it."
    claims, header = token.claims, token.header
    begins, ends = claims.get("iat"), claims.get("exp")
    lifetime = f"{ends - begins} seconds" if type(begins) is int and type(ends) is int else "an unknown time"
    return printable(
        f"The access token is a JWT of type {header.get('typ')}, signed with {header.get('alg')} "
        f"(kid {header.get('kid')}, {_SIGNATURES[token.signature]}), issued by {claims.get('iss')} "
        f"for {claims.get('aud')}, valid for {lifetime}, scope {claims.get('scope') or 'none'}."
    )


def _remarks(evidence: Evidence, table: ClientTable) -> tuple[str, ...]:
    remarks: list[str] = []
    if evidence.scheme_assumed:
        scheme, _, rest = evidence.url.partition("://")
        other = "https" if scheme == "http" else "http"
        remarks.append(f"The URL has no scheme: {scheme} is assumed. If that is wrong, use {other}://{rest}")
    if evidence.reach is Reach.LOOPBACK and not evidence.no_endpoint:
        hosted = ", ".join(c.name for c in table.clients if c.hosted)
        remarks.append(
            f"This URL is on this machine. Clients that call from their vendors' servers cannot reach it ({hosted}); "
            "their verdict assumes that the server is published over https."
        )
    if evidence.registration is not None:
        remarks.extend(evidence.registration.remarks)
    if evidence.login is not None:
        remarks.extend(evidence.login.remarks)
        step_up = evidence.login.step_up
        if step_up is not None:
            result = printable(f"{step_up.response.status} to {step_up.request}")
            remarks.append(f"A call that needs more than the token's scopes got {result}.")
    if evidence.token is not None:
        remarks.append(describe_token(evidence.token))
    return tuple(remarks)
