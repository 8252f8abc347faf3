"""Authorization requests and their responses. Pure, but for the random verifier and state."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs

from sallyport_doctor.addresses import origin_of, split, with_query
from sallyport_doctor.jose import base64url_encode

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange

LOOPBACK: Final = "http://127.0.0.1:33418/"
"""The loopback redirect URI of the clients that the doctor registers."""
OTHER_PORT: Final = "http://127.0.0.1:49152/"
"""The same URI with another port, which RFC 8252 section 7.3 allows."""
UNREGISTERED_REDIRECT: Final = "https://doctor.invalid/callback"


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """An authorization request with PKCE. Verifier and state live for one run."""

    client_id: str
    redirect_uri: str
    resource: str
    scope: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24), repr=False)

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters; without a scope if it is empty."""
        return {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code_challenge": base64url_encode(hashlib.sha256(self.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "state": self.state,
            "resource": self.resource,
        } | ({"scope": self.scope} if self.scope else {})

    def url(self, endpoint: str) -> str:
        """The URL of the request at an authorization endpoint."""
        return with_query(endpoint, [*self.parameters.items()])


def is_refusal(response: HttpExchange) -> bool:
    """Whether an authorization request was refused: an error page, or a redirect to the client with an error."""
    if response.is_redirect:
        return "error=" in split(response.location).query
    return response.failure is not None or response.status >= 400


def redirects_to(response: HttpExchange, url: str) -> bool:
    """Whether the response redirects to the host of the URL."""
    return response.is_redirect and split(response.location).hostname == split(url).hostname


def is_code_without_sign_in(response: HttpExchange) -> bool:
    """Whether the response redirects to the client with a code, although no user has signed in."""
    to_client = response.is_redirect and origin_of(response.location) == origin_of(LOOPBACK)
    return to_client and "code" in parse_qs(split(response.location).query)


def form_action(policy: str) -> str:
    """The form-action directive of a content security policy; empty when it has none."""
    for directive in policy.split(";"):
        name, _, value = directive.strip().partition(" ")
        if name.lower() == "form-action":
            return value.strip()
    return ""
