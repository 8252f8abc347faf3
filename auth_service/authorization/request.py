"""An authorization request that passed every check, as it is kept while the person decides."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What the client asked for. `resource` is the configured identifier; `scopes` are those that can be granted."""

    client_id: str
    redirect_uri: str
    code_challenge: str
    resource: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    login_hint: str | None
    force_sign_in: bool
