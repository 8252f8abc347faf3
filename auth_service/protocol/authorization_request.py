"""An authorization request that passed every check, as it is kept while the person decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What the client asked for. `resource` is the configured identifier; `scopes` are those that can be granted."""

    client_id: str
    redirect_uri: str
    redirect_uri_sent: bool
    """Whether the request named its redirect URI: if so, the token request must repeat it (RFC 6749 section 4.1.3)."""
    code_challenge: str
    resource: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    login_hint: str | None
    force_sign_in: bool
