"""The tools of the example. All that they read of the request is the verified principal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

import structlog
from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from mcp_service.notes.repository import MAX_NOTES_PER_USER, Note, TooManyNotes
from shared.errors import ServiceUnavailable

if TYPE_CHECKING:
    from mcp.server.auth.provider import AccessToken

    from mcp_service.notes.repository import NoteRepository

VERSION: Final = "1.0"
"""The version of the example's tools, as clients see it in `serverInfo`."""

NoteText = Annotated[str, Field(min_length=1, max_length=4000, description="The text of the note.")]
NoteId = Annotated[str, Field(min_length=1, max_length=64, description="The id that list_notes shows.")]


@dataclass(frozen=True)
class WhoAmI:
    """The caller, as the token names it."""

    subject: str
    client_id: str
    scopes: list[str]
    name: str | None = None
    email: str | None = None


def build_notes_server(notes: NoteRepository) -> MCPServer:
    """The example server over a repository of notes."""
    server = MCPServer("Notes", version=VERSION, instructions="Keeps short notes for the signed-in user.")

    @server.tool()
    async def whoami() -> WhoAmI:
        """Return the signed-in user, the client and the granted scopes."""
        caller = _caller()
        told = caller.claims or {}
        return WhoAmI(_subject(caller), caller.client_id, caller.scopes, told.get("name"), told.get("email"))

    @server.tool()
    async def list_notes() -> list[Note]:
        """List your notes, oldest first."""
        with _public_errors():
            return await notes.list(_subject(_caller()))

    @server.tool()
    async def add_note(text: NoteText) -> Note:
        """Keep a note."""
        with _public_errors():
            return await notes.add(_subject(_caller()), text)

    @server.tool()
    async def delete_note(note_id: NoteId) -> str:
        """Delete one of your notes."""
        with _public_errors():
            found = await notes.delete(_subject(_caller()), note_id)
        if not found:
            raise ToolError("You have no note with this id.")
        return "Deleted."

    return server


@contextmanager
def _public_errors() -> Iterator[None]:
    """Raise the errors of the repository with their public text; the reason goes to the log only (invariant 9)."""
    try:
        yield
    except TooManyNotes as exc:
        raise ToolError(f"You have {MAX_NOTES_PER_USER} notes already; delete some first.") from exc
    except ServiceUnavailable as exc:
        structlog.get_logger("mcp_service").error("notes_unavailable", error_id=exc.error_id, reason=exc.reason)
        raise ToolError(exc.public) from exc


def _caller() -> AccessToken:
    caller = get_access_token()
    if caller is None:
        # Only a scope map that makes these tools public leads here, and they need a user.
        raise ToolError("Sign in to use this tool.")
    return caller


def _subject(caller: AccessToken) -> str:
    if caller.subject is None:
        raise ToolError("The token names no user.")
    return caller.subject
