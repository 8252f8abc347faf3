"""The scope map of the example: writing implies reading, and a user may leave out writing only.

A client requests both scopes first, because some clients cannot request more later (interop.md F31).
"""

from __future__ import annotations

from typing import Any, Final

NOTES_SCOPES: Final[dict[str, Any]] = {
    "scopes": {
        "notes:read": {"description": "Read your notes", "required": True},
        "notes:write": {"description": "Add and delete notes for you", "implies": ["notes:read"]},
    },
    "default": ["notes:read"],
    "initial": ["notes:read", "notes:write"],
    "tools": {
        "whoami": "notes:read",
        "list_notes": "notes:read",
        "add_note": "notes:write",
        "delete_note": "notes:write",
    },
}
