"""Maps verified claims to the identity (invariant 13). Pure.

The subject comes from the ID token alone; so do `hd` and everything else that the ID token states. Userinfo only adds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from auth_service.federation.identity import MAX_GROUPS, MAX_IDENTITY_BYTES, Identity
from auth_service.federation.oidc.id_token import is_subject
from auth_service.federation.provider import SignInRefused

if TYPE_CHECKING:
    from auth_service.federation.oidc.presets import ProviderProfile

MAX_GROUPS_BYTES: Final = MAX_IDENTITY_BYTES // 2
MAX_LIST_MEMBERS: Final = 200
MAX_NAME_CHARACTERS: Final = 200
MAX_EMAIL_CHARACTERS: Final = 320

NEVER_A_CLAIM: Final = frozenset(
    [
        "aio",
        "at_hash",
        "aud",
        "auth_time",
        "azp",
        "c_hash",
        "exp",
        "iat",
        "iss",
        "jti",
        "nbf",
        "nonce",
        "rh",
        "s_hash",
        "sid",
        "sub",
        "uti",
        "ver",
        "_claim_names",
        "_claim_sources",
        # An address that is not verified must not reach a rule by another way.
        "email",
        "email_verified",
    ]
)
"""The claims that rules and resources cannot name among the further claims."""

Claims = Mapping[str, Any]


def map_identity(
    provider: str, profile: ProviderProfile, id_token: Claims, userinfo: Claims, *, now: float
) -> Identity:
    """The identity. `now` is when the claims were verified. Raises SignInRefused."""
    claims = {**userinfo, **id_token}
    email, email_verified = _address(profile, id_token, userinfo)
    authenticated_at = id_token.get("auth_time")
    groups, complete = _groups(profile, claims)
    identity = Identity(
        provider=provider,
        issuer=profile.issuer,
        subject=_subject(profile, id_token),
        authenticated_at=int(now if authenticated_at is None else min(authenticated_at, now)),
        email=email,
        email_verified=email_verified,
        name=_text(claims.get("name"), MAX_NAME_CHARACTERS),
        login=_text(claims.get("preferred_username") or claims.get("nickname"), MAX_NAME_CHARACTERS),
        domain=_name(id_token.get(profile.preset.domain_claim), 255) if profile.preset.domain_claim else None,
        groups=groups,
        groups_complete=complete,
        claims=_further(claims, profile.groups_claim),
    )
    size = len(json.dumps([identity.groups, dict(identity.claims)], ensure_ascii=False).encode())
    if size > MAX_IDENTITY_BYTES:
        raise SignInRefused(f"the claims have {size} bytes, more than {MAX_IDENTITY_BYTES}", error_id="identity_size")
    return identity


def _subject(profile: ProviderProfile, id_token: Claims) -> str:
    parts = [id_token.get(name) for name in profile.subject_claims]
    subject = ".".join(part for part in parts if isinstance(part, str) and part)
    if not all(map(is_subject, parts)) or not is_subject(subject):
        raise SignInRefused(
            f"the ID token has no usable {' and '.join(profile.subject_claims)}", error_id="identity_subject"
        )
    return subject


def _address(profile: ProviderProfile, id_token: Claims, userinfo: Claims) -> tuple[str | None, bool]:
    """The address, and whether one document states both it and its verification."""
    for document in (id_token, userinfo):
        email = _name(document.get("email"), MAX_EMAIL_CHARACTERS)
        if email is not None and "@" in email:
            elsewhere = profile.email_verified_claim not in document and userinfo.get("email") == email
            return email, _is_verified(profile, userinfo if elsewhere else document)
    return None, False


def _is_verified(profile: ProviderProfile, document: Claims) -> bool:
    name = profile.email_verified_claim
    # Apple and others send strings. A number is no statement.
    value = document.get(name) if name is not None else None
    return value is True or value == "true"


def _groups(profile: ProviderProfile, claims: Claims) -> tuple[tuple[str, ...], bool]:
    """The groups by id, and whether the provider stated them all.

    Entra leaves a long list out and says so by `_claim_names` (OpenID Connect Core section 5.6.2) or `hasgroups`. A
    provider that sends no list at all may lack the scope or the mapping for it.
    """
    name = profile.groups_claim
    if name is None:
        return (), True
    distributed = claims.get("_claim_names")
    left_out = (isinstance(distributed, Mapping) and name in distributed) or bool(claims.get("hasgroups"))
    value = claims.get(name)
    if value is None:
        return (), profile.preset.missing_groups_are_none and not left_out
    stated = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    groups: list[str] = []
    size = 0
    for group in stated[:MAX_GROUPS]:
        size += len(json.dumps(group, ensure_ascii=False).encode()) + 2
        if not isinstance(group, str) or not group or size > MAX_GROUPS_BYTES:
            break
        groups.append(group)
    return tuple(groups), not left_out and len(groups) == len(stated) and isinstance(value, str | list)


def _further(claims: Claims, groups_claim: str | None) -> dict[str, Any]:
    """The claims that a rule can name: texts, numbers, truth values and lists of them. Objects are left out."""
    return {
        name: value
        for name, value in sorted(claims.items())
        if name not in NEVER_A_CLAIM and name != groups_claim and _is_plain(value)
    }


def _is_plain(value: object) -> bool:
    if isinstance(value, list):
        return len(value) <= MAX_LIST_MEMBERS and all(isinstance(member, str | int | float) for member in value)
    return isinstance(value, str | int | float)


def _text(value: object, maximum: int) -> str | None:
    """A text to show, cut off; None for anything else. A rule must not compare it: see _name."""
    if not isinstance(value, str) or not value.strip():
        return None
    return value.strip()[:maximum]


def _name(value: object, maximum: int) -> str | None:
    """A text that rules compare, unchanged: cut off, an address could end with the domain of another."""
    return value if isinstance(value, str) and 0 < len(value) <= maximum and value.isprintable() else None
