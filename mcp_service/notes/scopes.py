"""The scopes of the example: writing implies reading; a client that names none may read."""

from __future__ import annotations

from typing import Final

from mcp_service.guard.scope_policy import ScopeMap

NOTES_SCOPES: Final = ScopeMap.model_validate(
    {
        "scopes": {
            "notes:read": "Read your notes",
            "notes:write": {"description": "Add and delete notes for you", "implies": ["notes:read"]},
        },
        "default": "notes:read",
        "tools": {
            "whoami": "notes:read",
            "list_notes": "notes:read",
            "add_note": "notes:write",
            "delete_note": "notes:write",
        },
    }
)
