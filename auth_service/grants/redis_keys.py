"""The name of a grant's key: the two files that touch a grant share it."""

from __future__ import annotations


def grant_key(grant_id: str) -> str:
    """The hash that holds a grant. Everything of one grant shares its hash tag, and so its slot."""
    return f"sp:{{{grant_id}}}:grant"
