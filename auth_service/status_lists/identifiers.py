"""Identifiers that name a list: `<list>-<random>`. All keys of one list share its hash tag, and so its slot."""

from __future__ import annotations

import re
import secrets
from typing import Final

from auth_service.protocol.opaque import new_identifier

PATH: Final = "/status-lists"
"""Below the issuer, of the aggregation and the change feed; a list is below it."""

ENTRIES: Final = 1 << 16
"""Entries of one list."""
OPEN_LISTS: Final = 64
"""A token discloses its list: the more grants share one, the less it tells."""
MAX_LISTS: Final = 512
"""Open and closed. Their tags fit into a request line, and a verifier holds no more."""
TAG_CHARACTERS: Final = 8
"""48 bits of the random tag of a change; a list without a change has its identifier as tag. So all tags differ."""

LIST_FORM: Final = r"[a-z0-9]{8}"
FORM: Final = rf"{LIST_FORM}-[A-Za-z0-9_-]{{21}}[AQgw]"
"""A list, and 16 bytes in canonical base64url: grants and interactions."""

_FORM: Final = re.compile(FORM)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_list_id() -> str:
    """Eight characters; it is no secret."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(8))


def new_identifier_in(list_id: str) -> str:
    """An unguessable identifier whose records are in the slot of the list."""
    return f"{list_id}-{new_identifier()}"


def list_uri(issuer: str, list_id: str) -> str:
    """The address of a list, as tokens name it."""
    return f"{issuer}{PATH}/{list_id}"


def is_identifier(unverified: str) -> bool:
    """Whether a text has the form of an identifier."""
    return _FORM.fullmatch(unverified) is not None


def status_key(list_id: str) -> str:
    """Hash: `tag` of the last change, `allocated` (number of entries in use), `until` (ms since 1970)."""
    return f"sp:{{{list_id}}}:status"


def revoked_key(list_id: str) -> str:
    """Set of the entries that are revoked."""
    return f"sp:{{{list_id}}}:revoked"


def allocated_key(list_id: str) -> str:
    """Bitmap of the entries in use, which are never used again."""
    return f"sp:{{{list_id}}}:allocated"
