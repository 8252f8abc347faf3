"""Rules for the challenge of the 401 response (RFC 6750 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.challenge import bearer_challenge, read_challenges
from sallyport_doctor.evidence import strings

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence


def _refused(evidence: Evidence) -> bool:
    response = evidence.unauthenticated_response
    return response is not None and response.status == 401


def _header(evidence: Evidence) -> str:
    response = evidence.unauthenticated_response
    return (response.header("WWW-Authenticate") or "") if response is not None else ""


def challenge_header_missing(evidence: Evidence) -> str | None:
    if not _refused(evidence) or _header(evidence) or _renamed_header(evidence):
        return None
    return "401 without a WWW-Authenticate header"


def challenge_header_renamed(evidence: Evidence) -> str | None:
    renamed = _renamed_header(evidence) if _refused(evidence) and not _header(evidence) else None
    return f"401 with {renamed} instead of WWW-Authenticate" if renamed else None


def challenge_malformed(evidence: Evidence) -> str | None:
    header = _header(evidence)
    return header[:120] if _refused(evidence) and header and not read_challenges(header) else None


def challenge_not_bearer(evidence: Evidence) -> str | None:
    challenges = read_challenges(_header(evidence)) if _refused(evidence) else ()
    if not challenges or any(c.scheme == "bearer" for c in challenges):
        return None
    return f"scheme {challenges[0].scheme}"


def challenge_metadata_repeated(evidence: Evidence) -> str | None:
    challenges = [c for c in read_challenges(_header(evidence)) if c.scheme == "bearer"] if _refused(evidence) else []
    repeated = [value for c in challenges for name, value in c.repeated if name == "resource_metadata"]
    first = [c.parameters["resource_metadata"] for c in challenges if "resource_metadata" in c.parameters]
    if not repeated and len(set(first)) < 2:
        return None
    return " and ".join(dict.fromkeys((*first, *repeated)))


def challenge_without_resource_metadata(evidence: Evidence) -> str | None:
    challenge = evidence.challenge
    if challenge is None or "resource_metadata" in challenge.parameters:
        return None
    return f"Bearer with {', '.join(challenge.parameters) or 'no parameters'}"


def challenge_error_without_credential(evidence: Evidence) -> str | None:
    challenge = evidence.challenge
    if challenge is None or "error" not in challenge.parameters:
        return None
    return f'error="{challenge.parameters["error"]}" for a request without a token'


def challenge_without_scope(evidence: Evidence) -> str | None:
    challenge = evidence.challenge
    return "no scope parameter" if challenge is not None and "scope" not in challenge.parameters else None


def challenge_scope_offline_access(evidence: Evidence) -> str | None:
    return "offline_access in the challenge" if "offline_access" in _scopes(evidence) else None


def challenge_scope_not_advertised(evidence: Evidence) -> str | None:
    known = strings((evidence.prm or {}).get("scopes_supported"))
    missing = [s for s in _scopes(evidence) if s not in known and s != "offline_access"]
    return f"{' '.join(missing)} is not in scopes_supported" if known and missing else None


def challenge_metadata_relative(evidence: Evidence) -> str | None:
    named = _named(evidence)
    return named[:120] if named is not None and not is_absolute(named) else None


def challenge_metadata_unreachable(evidence: Evidence) -> str | None:
    named, response = _named(evidence), evidence.resource_metadata.get("named")
    if named is None or not is_absolute(named) or response is None or response.ok:
        return None
    well_known = evidence.resource_metadata.get("path")
    if well_known is not None and response.url == well_known.url:
        return None  # the same address is judged as the path form
    return response.summary()


def challenge_metadata_not_path_form(evidence: Evidence) -> str | None:
    named, response = _named(evidence), evidence.resource_metadata.get("named")
    if named is None or not is_absolute(named) or named == evidence.expected_resource_metadata_url:
        return None
    if response is None or not response.ok:
        return None
    return named[:200]


def unknown_token_without_error(evidence: Evidence) -> str | None:
    response = evidence.mcp.get("invalid token")
    if response is None or response.status != 401 or evidence.challenge is None:
        return None
    challenge = bearer_challenge(response.header("WWW-Authenticate"))
    error = challenge.parameters.get("error") if challenge is not None else None
    return None if error == "invalid_token" else f"error is {error!r}"


def _renamed_header(evidence: Evidence) -> str | None:
    """A header that carries the challenge under another name, such as x-amzn-remapped-www-authenticate."""
    response = evidence.unauthenticated_response
    names = [name.lower() for name, _ in response.headers] if response is not None else []
    return next((name for name in names if name.endswith("-www-authenticate")), None)


def _scopes(evidence: Evidence) -> list[str]:
    challenge = evidence.challenge
    return challenge.parameters.get("scope", "").split() if challenge is not None else []


def _named(evidence: Evidence) -> str | None:
    return evidence.challenge.parameters.get("resource_metadata") if evidence.challenge is not None else None
