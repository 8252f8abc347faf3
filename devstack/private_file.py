"""Files readable by their owner only: the secrets that the launcher generates once and stores under DATA_DIR."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from shared.jose import base64url

if TYPE_CHECKING:
    from collections.abc import Callable


def read_or_create(path: Path, generate: Callable[[], str]) -> str:
    """The text of the file. If there is none, the result of `generate` is written to it with mode 0600."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        text = generate()
        write(path, text)
        return text


def write(path: Path, text: str) -> None:
    """Replace the file atomically, readable by its owner only."""
    draft = path.with_name(path.name + ".new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text + "\n")
    draft.replace(path)


def new_key_encryption_key() -> str:
    """A value for AUTH_KEY_ENCRYPTION_KEY: 32 random bytes, base64url without padding."""
    return base64url.encode(secrets.token_bytes(32))


def new_password() -> str:
    """A password that is easy to type: four groups of four letters and digits, about 80 bits."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(4))
