"""Asking for authorization as well-known clients do that introduce themselves by a metadata document.

Nobody signs in and nothing can be answered to the doctor: the redirects are the vendors' own. What counts is whether
the server fetches and takes the document, which fails in practice for bot checks, size limits and unread members.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from sallyport_doctor.probes.endpoints import CHALLENGE, with_query

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange


async def ask_as_vendors(
    asker: Asker, endpoint: str, documents: Mapping[str, tuple[str, str]], *, resource: str, scope: str
) -> dict[str, Exchange]:
    """GET the authorization endpoint once per client; `documents` gives client_id and redirect by the client's name."""
    seen = {}
    for name, (client_id, redirect_uri) in documents.items():
        query = [
            ("response_type", "code"),
            ("client_id", client_id),
            ("redirect_uri", redirect_uri),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", secrets.token_urlsafe(16)),
            ("resource", resource),
            *([("scope", scope)] if scope else []),
        ]
        seen[name] = await asker.ask("GET", with_query(endpoint, query))
    return seen
