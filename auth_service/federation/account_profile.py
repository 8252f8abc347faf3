"""The username, name and address of an account that is made for an identity. Pure.

These values select no account: two identities with equal names and addresses have two accounts (invariant 13).
"""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING, Final

from auth_service.users.user import MAX_USERNAME_LENGTH, PROVIDER_SEPARATOR, Profile

if TYPE_CHECKING:
    from auth_service.federation.identity import Identity

_MAX_NAME: Final = 200
_MAX_EMAIL: Final = 254
"""RFC 5321 section 4.5.3.1.3, without the angle brackets."""


def account_username(identity: Identity, suffix: str = "") -> str:
    """`<provider>/<label>`: no user with a password can have such a name.

    `suffix` tells apart what is equal otherwise.
    """
    end = f"~{suffix}" if suffix else ""
    start = f"{identity.provider}{PROVIDER_SEPARATOR}{identity_label(identity)}"
    return start[: MAX_USERNAME_LENGTH - len(end)] + end


def identity_label(identity: Identity) -> str:
    """The verified address, login or subject, without blanks and invisible characters: never an unverified address."""
    verified_email = identity.email if identity.email_verified else None
    labels = (_without(label or "", "CZ") for label in (verified_email, identity.login, identity.subject, identity.key))
    return next(label for label in labels if label)


def account_profile(identity: Identity) -> Profile:
    """The name and address of the user, for clients that may read them: the provider's statement, bounded."""
    name = _without(identity.name or "", "C")[:_MAX_NAME].strip() or None
    email = _without(identity.email or "", "CZ")
    if not email or email != identity.email or len(email) > _MAX_EMAIL:
        return Profile(name, email=None, email_verified=False)
    return Profile(name, email, identity.email_verified)


def _without(text: str, categories: str) -> str:
    """The text in NFKC, without characters of these general categories of Unicode: C is invisible, Z are spaces."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c)[0] not in categories)
