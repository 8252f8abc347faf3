"""The user record, without the password hash."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from shared.jose import base64url

MAX_USERNAME_LENGTH: Final = 64
MAX_IDENTITIES: Final = 20
"""The maximum identities of one user, so that what a user can store is bounded."""
PROVIDER_SEPARATOR: Final = "/"
"""Separates the parts of usernames that users of a provider get: `<provider>/<name there>`."""


@dataclass(frozen=True, slots=True)
class Profile:
    """The name and address for clients that may read them; they select no user."""

    name: str | None
    email: str | None
    email_verified: bool


@dataclass(frozen=True, slots=True)
class User:
    """A user who may sign in. Times in seconds since 1970."""

    subject: str
    """The random `sub` of every token, never reused, so that a changed or reused name inherits nothing."""
    username: str
    """The name in the user's spelling; `lookup_name` compares it."""
    name: str | None
    email: str | None
    email_verified: bool
    created_at: int
    suspended_at: int | None = None
    """Since when the user may not sign in; None for an active user."""
    has_password: bool = True
    """False for a user who signs in by an identity provider only."""


def new_subject() -> str:
    """A fresh subject: 128 random bits, base64url."""
    return base64url.random_text(16)


def lookup_name(username: str) -> str:
    """The name in the form for comparison: NFKC and casefolded, so that equivalent spellings are one name."""
    folded = unicodedata.normalize("NFKC", username.strip()).casefold()
    return unicodedata.normalize("NFKC", folded)


def check_username(username: str) -> str:
    """The name in the form for storage. Raises ValueError with a text for the user."""
    name = unicodedata.normalize("NFKC", username.strip())
    if not name:
        raise ValueError("a username cannot be empty")
    if len(name) > MAX_USERNAME_LENGTH:
        raise ValueError(f"a username has at most {MAX_USERNAME_LENGTH} characters")
    if any(unicodedata.category(c)[0] in "CZ" for c in name):
        raise ValueError("a username cannot hold spaces or invisible characters")
    if PROVIDER_SEPARATOR in name:
        raise ValueError(f"a username cannot hold {PROVIDER_SEPARATOR}: it marks the accounts of identity providers")
    return name
