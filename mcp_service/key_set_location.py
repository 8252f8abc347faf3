"""Where the issuer's key set is: configured, or at the issuer's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


class KeySetLocation:
    """The address to fetch from. Who the issuer is stays the configured string (invariant 1)."""

    def __init__(self, *, issuer: str, configured: str | None) -> None:
        self._url = configured or f"{issuer}/.well-known/jwks.json"

    async def find(self, session: aiohttp.ClientSession) -> str:  # noqa: ARG002
        """The address."""
        return self._url
