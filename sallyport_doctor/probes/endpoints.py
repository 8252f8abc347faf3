"""Harmless questions to the authorization server's endpoints, as a stranger puts them: nothing is created."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

from sallyport_doctor.addresses import is_absolute, split

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

STRANGER: Final = "sallyport-doctor-unknown-client"
STRANGERS_CALLBACK: Final = "https://doctor.invalid/callback"
CHALLENGE: Final = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""A well-formed S256 challenge (the example of RFC 7636 appendix B)."""


def with_query(address: str, parameters: list[tuple[str, str]]) -> str:
    """An endpoint's address with parameters added to those that it may already have."""
    return f"{address}{'&' if split(address).query else '?'}{urlencode(parameters)}"


async def ask_endpoints(asker: Asker, metadata: Mapping[str, Any], *, resource: str) -> dict[str, Exchange]:
    """Refresh and start an authorization as a client that nobody knows."""
    seen: dict[str, Exchange] = {}
    if is_absolute(metadata.get("token_endpoint")):
        form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", secrets.token_urlsafe(32)),
            ("client_id", STRANGER),
            ("resource", resource),
        ]
        seen["token"] = await asker.ask("POST", metadata["token_endpoint"], form=form)
    if is_absolute(metadata.get("authorization_endpoint")):
        query = [
            ("response_type", "code"),
            ("client_id", STRANGER),
            ("redirect_uri", STRANGERS_CALLBACK),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("state", secrets.token_urlsafe(16)),
            ("resource", resource),
        ]
        seen["authorize"] = await asker.ask("GET", with_query(metadata["authorization_endpoint"], query))
    return seen
