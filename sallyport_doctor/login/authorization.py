"""The authorization request of the sign-in, and the form-action directive of the page. Pure."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sallyport_doctor.jose import base64url_encode
from sallyport_doctor.probes.oauth_endpoints import with_query

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request with PKCE. Verifier and state live for one run."""

    client_id: str
    redirect_uri: str
    resource: str
    scope: str
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    def url(self, metadata: Mapping[str, Any]) -> str:
        """The URL for the user's browser."""
        pairs = [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.redirect_uri),
            ("code_challenge", base64url_encode(hashlib.sha256(self.verifier.encode()).digest())),
            ("code_challenge_method", "S256"),
            ("state", self.state),
            ("resource", self.resource),
            *([("scope", self.scope)] if self.scope else []),
        ]
        return with_query(str(metadata["authorization_endpoint"]), pairs)


def form_action(policy: str) -> str:
    """The form-action directive of a content security policy; empty when it has none."""
    for directive in policy.split(";"):
        name, _, value = directive.strip().partition(" ")
        if name.lower() == "form-action":
            return value.strip()
    return ""
