"""The service's own addresses, built from the configured issuer and never from a request (invariant 1)."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Urls:
    """Paths of the pages, relative to the issuer's origin. `base_path` is the issuer's path, or empty."""

    issuer: str
    base_path: str

    @property
    def account(self) -> str:
        """The user's own page."""
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
