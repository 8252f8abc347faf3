"""The `WWW-Authenticate` header: how a client learns where to sign in and what to ask for.

Pure. RFC 6750 section 3, RFC 9728 section 5.1, interop.md R1 and R6.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shared.scopes import format_scope

OFFLINE_ACCESS = "offline_access"


@dataclass(frozen=True, slots=True)
class Challenger:
    """Builds challenges from configured constants (invariant 1)."""

    metadata_url: str

    def challenge(self, *, scopes: Iterable[str] = (), error: str | None = None, description: str = "") -> str:
        """One Bearer challenge. No `error` when no credential came: some clients give up if they see one.

        `offline_access` is never named (MCP authorization 2026-07-28): it is no scope of this resource.
        """
        scope = format_scope(s for s in scopes if s != OFFLINE_ACCESS)
        parameters = {
            "error": error,
            "error_description": description or None,
            "resource_metadata": self.metadata_url,
            "scope": scope or None,
        }
        # Scope tokens, configured URLs and our own sentences hold neither quotes nor backslashes.
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parameters.items() if value is not None)
