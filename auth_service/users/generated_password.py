"""Generated passwords: easy to read aloud, about 98 bits of entropy."""

from __future__ import annotations

import secrets
from typing import Final

_ALPHABET: Final = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without characters that look alike."""


def generate_password() -> str:
    """Four groups of five characters, joined by dashes."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(5)) for _ in range(4))
