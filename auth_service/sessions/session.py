"""Who is signed in at a browser."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser. Times in seconds since 1970."""

    token_hash: str
    subject: str
    username: str
    authenticated_at: float
