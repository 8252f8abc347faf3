"""Identifiers that name a list: `<list>-<random>`. All keys of one list share its hash tag, and so its slot."""

from __future__ import annotations

import re
import secrets
from typing import Final

from auth_service.protocol.opaque import new_identifier

PATH: Final = "/status-lists"
"""The path of the aggregation and the change feed, below the issuer; lists are below it."""

ENTRIES: Final = 1 << 16
"""The number of entries of one list."""
OPEN_LISTS: Final = 64
"""The number of open lists. A token discloses its list: the more grants share one, the less it discloses."""
MAX_LISTS: Final = 512
"""The maximum number of lists, open and closed: their tags fit into a request line, and a verifier holds no more."""
TAG_CHARACTERS: Final = 8
"""The length of a tag: 48 random bits for a change, or the identifier of a list without one, so that all differ."""

LIST_FORM: Final = r"[a-z0-9]{8}"
FORM: Final = rf"{LIST_FORM}-[A-Za-z0-9_-]{{21}}[AQgw]"
"""The form of identifiers of grants and interactions: a list, and 16 bytes in canonical base64url."""

_FORM: Final = re.compile(FORM)
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz0123456789"


def new_list_id() -> str:
    """A new list id: eight characters, no secret."""
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
