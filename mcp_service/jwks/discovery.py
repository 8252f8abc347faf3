"""The address of the issuer's JWKS: configured, or read from the issuer's metadata.

Without metadata the address is the one that auth_service uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mcp_service.issuer.metadata import BadMetadata, fetch_metadata
from shared.configured_url import is_loopback_host

if TYPE_CHECKING:
    import aiohttp


class JwksDiscovery:
    """The address to fetch from: discovered once, and again after a failure."""

    def __init__(self, *, issuer: str, configured: str | None) -> None:
        self._issuer = issuer
        self._configured = configured
        self._found: str | None = None

    async def find(self, session: aiohttp.ClientSession) -> str:
        """The address. Raises BadMetadata, FetchFailed (too long), aiohttp.ClientError, ValueError or OSError."""
        if self._configured is not None:
            return self._configured
        if self._found is None:
            self._found = await self._discover(session)
        return self._found

    def forget(self) -> None:
        """Discover again at the next request: the issuer may have moved its keys."""
        self._found = None

    async def _discover(self, session: aiohttp.ClientSession) -> str:
        document = await fetch_metadata(session, self._issuer)
        return f"{self._issuer}/.well-known/jwks.json" if document is None else jwks_uri_of(document)


def jwks_uri_of(document: dict[str, Any]) -> str:
    """The `jwks_uri` of the issuer's metadata document. Raises BadMetadata. Pure."""
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise BadMetadata("the metadata names no jwks_uri")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise BadMetadata(f"jwks_uri is {address!r:.200}: keys are fetched over https, or http on a loopback host")
    return address
