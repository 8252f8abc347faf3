"""What the 401 says (reference: R1, R5, F4, F13; RFC 6750 section 3, RFC 9728 section 5.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.challenge import bearer_challenge, read_challenges
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.observation import Observation


def _refused(seen: Observation) -> bool:
    answer = seen.challenge_answer
    return answer is not None and answer.status == 401


def _header(seen: Observation) -> str:
    answer = seen.challenge_answer
    return (answer.header("WWW-Authenticate") or "") if answer is not None else ""


def challenge_header_missing(seen: Observation) -> str | None:
    """A 401 without the header that says where to go."""
    return "401 without a WWW-Authenticate header" if _refused(seen) and not _header(seen) else None


def challenge_malformed(seen: Observation) -> str | None:
    """A header that cannot be read."""
    header = _header(seen)
    return header[:120] if _refused(seen) and header and not read_challenges(header) else None


def challenge_not_bearer(seen: Observation) -> str | None:
    """A challenge for another scheme only."""
    challenges = read_challenges(_header(seen)) if _refused(seen) else ()
    if not challenges or any(c.scheme == "bearer" for c in challenges):
        return None
    return f"scheme {challenges[0].scheme}"


def challenge_without_resource_metadata(seen: Observation) -> str | None:
    """A Bearer challenge that does not name the metadata."""
    challenge = seen.challenge
    if challenge is None or "resource_metadata" in challenge.parameters:
        return None
    return f"Bearer with {', '.join(challenge.parameters) or 'no parameters'}"


def challenge_error_without_credential(seen: Observation) -> str | None:
    """An error attribute although no credential was sent."""
    challenge = seen.challenge
    if challenge is None or "error" not in challenge.parameters:
        return None
    return f'error="{challenge.parameters["error"]}" for a request without a token'


def challenge_without_scope(seen: Observation) -> str | None:
    """A Bearer challenge that does not say what to ask for."""
    challenge = seen.challenge
    return "no scope parameter" if challenge is not None and "scope" not in challenge.parameters else None


def challenge_scope_offline_access(seen: Observation) -> str | None:
    """F13: offline_access is not a scope of a resource."""
    return "offline_access in the challenge" if "offline_access" in _scopes(seen) else None


def challenge_scope_not_advertised(seen: Observation) -> str | None:
    """F13: the challenge asks for what the metadata does not know."""
    known = strings((seen.prm or {}).get("scopes_supported"))
    missing = [s for s in _scopes(seen) if s not in known and s != "offline_access"]
    return f"{' '.join(missing)} is not in scopes_supported" if known and missing else None


def challenge_metadata_relative(seen: Observation) -> str | None:
    """The metadata's address is not absolute."""
    named = _named(seen)
    return named[:120] if named is not None and not is_absolute(named) else None


def challenge_metadata_unreachable(seen: Observation) -> str | None:
    """The metadata is not where the challenge says."""
    named, answer = _named(seen), seen.resource_metadata.get("named")
    if named is None or not is_absolute(named) or answer is None or answer.ok:
        return None
    well_known = seen.resource_metadata.get("path")
    if well_known is not None and answer.url == well_known.url:
        return None  # the same address is judged as the path form
    return answer.summary()


def challenge_metadata_not_path_form(seen: Observation) -> str | None:
    """The challenge names another place than the path-inserted one."""
    named, answer = _named(seen), seen.resource_metadata.get("named")
    if named is None or not is_absolute(named) or named == seen.expected_resource_metadata_url:
        return None
    if answer is None or not answer.ok:
        return None
    return named[:200]


def unknown_token_without_error(seen: Observation) -> str | None:
    """R1: a bad token's 401 does not say invalid_token."""
    answer = seen.mcp.get("worthless token")
    if answer is None or answer.status != 401 or seen.challenge is None:
        return None
    challenge = bearer_challenge(answer.header("WWW-Authenticate"))
    error = challenge.parameters.get("error") if challenge is not None else None
    return None if error == "invalid_token" else f"error is {error!r}"


def _scopes(seen: Observation) -> list[str]:
    challenge = seen.challenge
    return challenge.parameters.get("scope", "").split() if challenge is not None else []


def _named(seen: Observation) -> str | None:
    return seen.challenge.parameters.get("resource_metadata") if seen.challenge is not None else None
