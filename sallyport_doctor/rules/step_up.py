"""Rules for the step-up challenge (MCP authorization, scope challenge handling)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.challenge import bearer_challenge
from sallyport_doctor.evidence import strings

if TYPE_CHECKING:
    from sallyport_doctor.challenge import Challenge
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.login_evidence import StepUpEvidence


def _step_up(evidence: Evidence) -> StepUpEvidence | None:
    return evidence.login.step_up if evidence.login is not None else None


def _challenge(evidence: Evidence) -> Challenge | None:
    """The challenge of a 403 with insufficient_scope; None for any other response."""
    step_up = _step_up(evidence)
    if step_up is None or step_up.response.status != 403:
        return None
    challenge = bearer_challenge(step_up.response.header("WWW-Authenticate"))
    return challenge if challenge is not None and challenge.parameters.get("error") == "insufficient_scope" else None


def _scopes(evidence: Evidence) -> frozenset[str] | None:
    """The scopes of the challenge; None when it has none."""
    challenge = _challenge(evidence)
    scopes = challenge.parameters.get("scope", "").split() if challenge is not None else []
    return frozenset(scopes) or None


def _stripped(evidence: Evidence) -> str | None:
    """The parameters that the body of the 403 has and its header lacks; None when there are none."""
    step_up = _step_up(evidence)
    if step_up is None or step_up.response.status != 403:
        return None
    body = step_up.response.document or {}
    challenge = bearer_challenge(step_up.response.header("WWW-Authenticate"))
    header = challenge.parameters if challenge is not None else {}
    if body.get("error") != "insufficient_scope" or not isinstance(body.get("scope"), str):
        return None
    lost = [name for name in ("error", "scope") if name not in header]
    return ", ".join(lost) or None


def step_up_challenge_stripped(evidence: Evidence) -> str | None:
    lost = _stripped(evidence)
    return f"the body of the 403 has error and scope, its WWW-Authenticate header lacks {lost}" if lost else None


def step_up_wrong_status(evidence: Evidence) -> str | None:
    step_up = _step_up(evidence)
    return f"401 to {step_up.request}" if step_up is not None and step_up.response.status == 401 else None


def step_up_without_insufficient_scope(evidence: Evidence) -> str | None:
    step_up = _step_up(evidence)
    if step_up is None or step_up.response.status != 403 or _challenge(evidence) is not None or _stripped(evidence):
        return None
    header = step_up.response.header("WWW-Authenticate")
    return f"403 to {step_up.request} with {f'the challenge {header:.120}' if header else 'no challenge'}"


def step_up_hidden_in_result(evidence: Evidence) -> str | None:
    step_up = _step_up(evidence)
    if step_up is None or not step_up.hides_challenge:
        return None
    return f"200 to {step_up.request}, with the challenge in _meta"


def step_up_without_scope(evidence: Evidence) -> str | None:
    if _challenge(evidence) is None or _scopes(evidence) is not None or _stripped(evidence):
        return None
    return "no scope parameter"


def step_up_lacks_required(evidence: Evidence) -> str | None:
    step_up, scopes = _step_up(evidence), _scopes(evidence)
    if step_up is None or scopes is None:
        return None
    missing = [s for s in step_up.required if s not in scopes and s not in step_up.granted]
    return f"{step_up.request} requires {' '.join(missing)}; the challenge has {_listed(scopes)}" if missing else None


def step_up_drops_granted(evidence: Evidence) -> str | None:
    step_up, scopes = _step_up(evidence), _scopes(evidence)
    if step_up is None or scopes is None or step_up_lacks_required(evidence):
        return None
    known = strings((evidence.prm or {}).get("scopes_supported"))
    # Scopes that do not belong to the resource, such as offline_access, do not belong in a challenge.
    dropped = [s for s in step_up.granted if s not in scopes and (s in known or s in step_up.required)]
    return f"granted {' '.join(dropped)}; the challenge has {_listed(scopes)}" if dropped else None


def step_up_scope_unknown(evidence: Evidence) -> str | None:
    known, scopes = strings((evidence.metadata or {}).get("scopes_supported")), _scopes(evidence)
    unknown = sorted(scopes - set(known)) if scopes is not None and known else []
    return f"{' '.join(unknown)} is not in the authorization server's scopes_supported" if unknown else None


def step_up_without_resource_metadata(evidence: Evidence) -> str | None:
    challenge = _challenge(evidence)
    return "no resource_metadata" if challenge is not None and "resource_metadata" not in challenge.parameters else None


def _listed(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
