"""What a call with too few scopes gets (reference: R6, F13; MCP authorization, scope challenge handling)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.challenge import bearer_challenge
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.challenge import Challenge
    from sallyport_doctor.login.seen import StepUpSeen
    from sallyport_doctor.observation import Observation


def _step_up(seen: Observation) -> StepUpSeen | None:
    return seen.login.step_up if seen.login is not None else None


def _challenge(seen: Observation) -> Challenge | None:
    """The challenge of a 403 that says insufficient_scope."""
    step_up = _step_up(seen)
    if step_up is None or step_up.answer.status != 403:
        return None
    challenge = bearer_challenge(step_up.answer.header("WWW-Authenticate"))
    return challenge if challenge is not None and challenge.parameters.get("error") == "insufficient_scope" else None


def _scopes(seen: Observation) -> frozenset[str] | None:
    """The scopes that the challenge asks for; None when it names none."""
    challenge = _challenge(seen)
    told = challenge.parameters.get("scope", "").split() if challenge is not None else []
    return frozenset(told) or None


def step_up_wrong_status(seen: Observation) -> str | None:
    """MCP: too few scopes is 403; 401 says that the token is bad."""
    step_up = _step_up(seen)
    return f"401 to {step_up.asked}" if step_up is not None and step_up.answer.status == 401 else None


def step_up_not_named(seen: Observation) -> str | None:
    """R6: any other 403 ends the connection."""
    step_up = _step_up(seen)
    if step_up is None or step_up.answer.status != 403 or _challenge(seen) is not None:
        return None
    header = step_up.answer.header("WWW-Authenticate")
    return f"403 to {step_up.asked} with {f'the challenge {header:.120}' if header else 'no challenge'}"


def step_up_hidden_in_result(seen: Observation) -> str | None:
    """R7: the challenge is in the result alone, where most clients do not look."""
    step_up = _step_up(seen)
    result = (step_up.answer.document or {}).get("result") if step_up is not None and step_up.answer.ok else None
    meta = result.get("_meta") if isinstance(result, dict) else None
    if step_up is None or not isinstance(meta, dict) or "mcp/www_authenticate" not in meta:
        return None
    return f"200 to {step_up.asked}, with the challenge in _meta"


def step_up_without_scope(seen: Observation) -> str | None:
    """R6: what to ask for is left to guessing."""
    return "no scope parameter" if _challenge(seen) is not None and _scopes(seen) is None else None


def step_up_lacks_needed(seen: Observation) -> str | None:
    """F13: what was missing is not asked for, and the next token is refused as well."""
    step_up, scopes = _step_up(seen), _scopes(seen)
    if step_up is None or scopes is None:
        return None
    missing = [s for s in step_up.needed if s not in scopes and s not in step_up.granted]
    return f"{step_up.asked} needs {' '.join(missing)}, the challenge names {_listed(scopes)}" if missing else None


def step_up_forgets_granted(seen: Observation) -> str | None:
    """R6, F13: clients that do not unite scopes lose what they had."""
    step_up, scopes = _step_up(seen), _scopes(seen)
    if step_up is None or scopes is None or step_up_lacks_needed(seen):
        return None
    known = strings((seen.prm or {}).get("scopes_supported"))
    # What is no scope of the resource (offline_access and the like) does not belong in a challenge.
    lost = [s for s in step_up.granted if s not in scopes and (s in known or s in step_up.needed)]
    return f"granted was {' '.join(lost)}, the challenge names {_listed(scopes)}" if lost else None


def step_up_scope_unknown(seen: Observation) -> str | None:
    """F13: nobody can get what the challenge asks for."""
    known, scopes = strings((seen.metadata or {}).get("scopes_supported")), _scopes(seen)
    unknown = sorted(scopes - set(known)) if scopes is not None and known else []
    return f"{' '.join(unknown)} is not in the authorization server's scopes_supported" if unknown else None


def step_up_without_resource_metadata(seen: Observation) -> str | None:
    """R6: the challenge does not name the metadata."""
    challenge = _challenge(seen)
    return "no resource_metadata" if challenge is not None and "resource_metadata" not in challenge.parameters else None


def _listed(scopes: frozenset[str]) -> str:
    return " ".join(sorted(scopes))
