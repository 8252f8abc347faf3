"""Who the doctor is at one authorization server, and how it authenticates there (RFC 6749 section 2.3)."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from collections.abc import Mapping

_BASIC, _POST = "client_secret_basic", "client_secret_post"


@dataclass(frozen=True, slots=True)
class Identity:
    """A client: public without a secret. The secret dies with the run."""

    client_id: str
    secret: str = field(default="", repr=False)
    by_post: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it has no secret."""
        return not self.secret

    @property
    def headers(self) -> dict[str, str]:
        """What authenticates it in a header."""
        if self.is_public or self.by_post:
            return {}
        pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret)}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What names or authenticates it in a form."""
        if self.is_public:
            return [("client_id", self.client_id)]
        return [("client_id", self.client_id), ("client_secret", self.secret)] if self.by_post else []


def given_by_hand(client_id: str, secret: str | None, metadata: Mapping[str, Any]) -> Identity:
    """A client that somebody registered by hand: with a secret, by the method that the metadata offers."""
    methods = strings(metadata.get("token_endpoint_auth_methods_supported"))
    return Identity(client_id, secret or "", by_post=_POST in methods and _BASIC not in methods)


def registered(document: Mapping[str, Any]) -> Identity:
    """The client of a registration's answer: where the server made it a confidential one, clients do as it says."""
    method, secret = document.get("token_endpoint_auth_method"), document.get("client_secret")
    has_secret = isinstance(secret, str) and method in {_BASIC, _POST}
    return Identity(str(document["client_id"]), str(secret) if has_secret else "", by_post=method == _POST)
