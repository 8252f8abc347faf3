"""The client of the sign-in and its authentication at the token endpoint (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from sallyport_doctor.evidence import strings

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASIC, _POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, slots=True)
class ClientAuthentication:
    """A client_id, and the secret of a confidential client. The secret lives for one run."""

    client_id: str
    secret: str = field(default="", repr=False)
    by_post: bool = False

    @property
    def is_public(self) -> bool:
        """Whether the client has no secret."""
        return not self.secret

    @property
    def headers(self) -> dict[str, str]:
        """The Authorization header for client_secret_basic; else empty."""
        if self.is_public or self.by_post:
            return {}
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The form fields that identify or authenticate the client."""
        if self.is_public:
            return [("client_id", self.client_id)]
        return [("client_id", self.client_id), ("client_secret", self.secret)] if self.by_post else []


def pre_registered_client(client_id: str, secret: str | None, metadata: Mapping[str, Any]) -> ClientAuthentication:
    """A pre-registered client. A secret is sent by the method that the metadata advertises."""
    methods = strings(metadata.get("token_endpoint_auth_methods_supported"))
    return ClientAuthentication(client_id, secret or "", by_post=_POST in methods and _BASIC not in methods)


def registered_client(document: Mapping[str, Any]) -> ClientAuthentication:
    """The client of a registration response, with the authentication method that the server assigned."""
    method, secret = document.get("token_endpoint_auth_method"), document.get("client_secret")
    has_secret = isinstance(secret, str) and method in {_BASIC, _POST}
    return ClientAuthentication(str(document["client_id"]), str(secret) if has_secret else "", by_post=method == _POST)
