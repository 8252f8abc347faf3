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
    def account(self) -> str:
        """The account page."""
        return f"{self.base_path}/account"

    def sign_in(self, transaction: str = "") -> str:
        """The sign-in page, for an interaction or for the account page."""
        return self._page("/sign-in", transaction)

    def consent(self, transaction: str = "") -> str:
        """The consent page of an interaction; without one, the address that its form posts to."""
        return self._page("/consent", transaction)

    def _page(self, path: str, transaction: str) -> str:
        query = f"?{urlencode({'transaction': transaction})}" if transaction else ""
        return f"{self.base_path}{path}{query}"


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
