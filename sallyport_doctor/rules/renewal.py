"""What becomes of tokens: refreshed, raced for, revoked, replayed (reference: A10, A11, F9, F10, F18)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sallyport_doctor.login.seen import TokenAnswerSeen
    from sallyport_doctor.observation import Observation


def _answer(seen: Observation, name: str) -> TokenAnswerSeen | None:
    return seen.login.answers.get(name) if seen.login is not None else None


def refresh_refused(seen: Observation) -> str | None:
    """F9: what was given is not taken."""
    first, with_resource = _answer(seen, "refresh"), _answer(seen, "refresh with resource")
    if first is not None and not first.ok and with_resource is not None and not with_resource.ok:
        return str(first)
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is not None and race.ok and after is not None and not after.ok:
        return f"the second refresh: {after}"
    return None


def refresh_needs_resource(seen: Observation) -> str | None:
    """F18: Codex leaves resource out when it refreshes."""
    first, with_resource = _answer(seen, "refresh"), _answer(seen, "refresh with resource")
    if first is None or first.ok or with_resource is None or not with_resource.ok:
        return None
    return f"{first} without resource"


def refresh_not_rotated(seen: Observation) -> str | None:
    """OAuth 2.1 section 4.3.1: a public client's refresh token is rotated."""
    first = _answer(seen, "refresh")
    if first is None or not first.ok or seen.login is None or not seen.login.is_public:
        return None
    if "refresh_token" in first.members and not first.same_refresh_token:
        return None
    return "the same refresh token stays valid"


def refresh_race_ends_grant(seen: Observation) -> str | None:
    """F10: a lost answer or two processes at once, and the person is signed out."""
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is None or race.ok or after is None or after.ok:
        return None
    return f"the predecessor got {race}, and then its unused successor {after}"


def refresh_race_refused(seen: Observation) -> str | None:
    """A11: the one who comes second in a race is signed out."""
    race, after = _answer(seen, "race"), _answer(seen, "after race")
    if race is None or race.ok or after is None or not after.ok:
        return None
    return f"the predecessor got {race} while its successor was unused"


def revocation_refused(seen: Observation) -> str | None:
    """RFC 7009 section 2.2: 200 for a client's own token."""
    answer = seen.login.revocation if seen.login is not None else None
    return answer.summary() if answer is not None and not answer.ok else None


def revocation_without_effect(seen: Observation) -> str | None:
    """RFC 7009 section 2: a revoked refresh token is dead."""
    answer = _answer(seen, "after revocation")
    if answer is None or not answer.ok or revocation_refused(seen):
        return None
    return "the refresh token worked after it was revoked"


def code_replayable(seen: Observation) -> str | None:
    """RFC 6749 section 4.1.2: a code is used once."""
    answer = _answer(seen, "code again")
    return "the code was exchanged twice" if answer is not None and answer.ok else None
