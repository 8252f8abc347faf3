"""URLs: the service's own, built from the configured issuer and never from a request (invariant 1), and redirects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Urls:
    """Paths of the pages, relative to the issuer's origin. `base_path` is the issuer's path, or empty."""

    issuer: str
    base_path: str

    @property
    def home(self) -> str:
        """The page at the issuer's own URL."""
        return f"{self.base_path}/"

    @property
    def account(self) -> str:
        """The account page."""
        return f"{self.base_path}/account"

    @property
    def sign_in(self) -> str:
        """The sign-in page, which leads to the account page, and the address that sign-in forms post to."""
        return f"{self.base_path}/sign-in"

    def callback(self, provider_id: str) -> str:
        """The address to which an identity provider sends the browser back."""
        return f"{self.sign_in}/callback/{provider_id}"

    def authorize(self, query: str) -> str:
        """The authorization endpoint with the encoded parameters of a request."""
        return f"{self.base_path}/authorize?{query}"

    def consent(self, identifier: str = "") -> str:
        """The consent page of a stored interaction; without one, the address that its form posts to."""
        query = f"?{urlencode({'transaction': identifier})}" if identifier else ""
        return f"{self.base_path}/consent{query}"


def authorization_redirect(redirect_uri: str, *, issuer: str, state: str | None, parameters: Mapping[str, str]) -> str:
    """The URL that carries an authorization response, with `iss` always (RFC 9207, interop.md A3).

    A query that the redirect URI already has is kept (RFC 6749 section 3.1.2).
    """
    values = dict(parameters)
    if state is not None:
        values["state"] = state
    values["iss"] = issuer
    separator = "&" if "?" in redirect_uri else "?"
    return f"{redirect_uri}{separator}{urlencode(values)}"
