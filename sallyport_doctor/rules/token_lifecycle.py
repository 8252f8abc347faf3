"""Rules for refresh, revocation and single use of codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence
    from sallyport_doctor.login_evidence import TokenResponse


def _answer(evidence: Evidence, name: str) -> TokenResponse | None:
    return evidence.login.token_responses.get(name) if evidence.login is not None else None


def refresh_refused(evidence: Evidence) -> str | None:
    first, with_resource = _answer(evidence, "refresh"), _answer(evidence, "refresh with resource")
    if first is not None and not first.ok and with_resource is not None and not with_resource.ok:
        return str(first)
    reuse, after = _answer(evidence, "reuse"), _answer(evidence, "after reuse")
    if reuse is not None and reuse.ok and after is not None and not after.ok:
        return f"the second refresh: {after}"
    return None


def refresh_needs_resource(evidence: Evidence) -> str | None:
    first, with_resource = _answer(evidence, "refresh"), _answer(evidence, "refresh with resource")
    if first is None or first.ok or with_resource is None or not with_resource.ok:
        return None
    return f"{first} without resource"


def refresh_not_rotated(evidence: Evidence) -> str | None:
    first = _answer(evidence, "refresh")
    if first is None or not first.ok or evidence.login is None or not evidence.login.is_public:
        return None
    if "refresh_token" in first.members and not first.same_refresh_token:
        return None
    return "the refresh token did not change"


def refresh_race_ends_grant(evidence: Evidence) -> str | None:
    reuse, after = _answer(evidence, "reuse"), _answer(evidence, "after reuse")
    if reuse is None or reuse.ok or after is None or after.ok:
        return None
    return f"{reuse} for the previous token, then {after} for its unused successor"


def refresh_race_refused(evidence: Evidence) -> str | None:
    reuse, after = _answer(evidence, "reuse"), _answer(evidence, "after reuse")
    if reuse is None or reuse.ok or after is None or not after.ok:
        return None
    return f"{reuse} for the previous token while its successor was unused"


def revocation_refused(evidence: Evidence) -> str | None:
    response = evidence.login.revocation if evidence.login is not None else None
    return response.summary() if response is not None and not response.ok else None


def revocation_without_effect(evidence: Evidence) -> str | None:
    response = _answer(evidence, "after revocation")
    if response is None or not response.ok or revocation_refused(evidence):
        return None
    return "the refresh token worked after it was revoked"


def code_replayable(evidence: Evidence) -> str | None:
    response = _answer(evidence, "code replay")
    return "the code was exchanged twice" if response is not None and response.ok else None
