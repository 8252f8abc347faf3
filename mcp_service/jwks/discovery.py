"""Where the issuer's key set is: configured, or named by the issuer's own metadata (RFC 8414, OpenID discovery).

Who the issuer is stays the configured string, and a document that calls itself otherwise is not believed
(invariant 1, RFC 8414 section 3.3). An issuer without metadata is asked at the address that auth_service uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mcp_service.guard.bounded_body import read_bounded
from shared.configured_url import is_loopback_host, origin_of, path_of
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    import aiohttp

MAX_DOCUMENT_BYTES: Final = 256 * 1024


class BadMetadata(Exception):
    """The issuer's metadata cannot be believed. The text is for the log."""


class JwksDiscovery:
    """The address to fetch from, found once and looked for again after a failure."""

    def __init__(self, *, issuer: str, configured: str | None) -> None:
        self._issuer = issuer
        self._configured = configured
        self._found: str | None = None

    async def find(self, session: aiohttp.ClientSession) -> str:
        """The address. Raises BadMetadata, aiohttp.ClientError, ValueError (too long) or OSError."""
        if self._configured is not None:
            return self._configured
        if self._found is None:
            self._found = await self._discover(session)
        return self._found

    def forget(self) -> None:
        """Something went wrong at the address: the issuer may have moved its keys."""
        self._found = None

    async def _discover(self, session: aiohttp.ClientSession) -> str:
        for url in metadata_addresses(self._issuer):
            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status == 200:
                    try:
                        document = parse_json_object(await read_bounded(response, MAX_DOCUMENT_BYTES))
                    except BadJson as exc:
                        raise BadMetadata(f"{url}: {exc}") from exc
                    return key_set_address(document, issuer=self._issuer)
        return f"{self._issuer}/.well-known/jwks.json"


def metadata_addresses(issuer: str) -> tuple[str, ...]:
    """Where metadata may be, in the order in which clients try (MCP authorization-server-discovery). Pure."""
    origin, path = origin_of(issuer), path_of(issuer)
    addresses = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{issuer}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(addresses))


def key_set_address(document: dict[str, Any], *, issuer: str) -> str:
    """The `jwks_uri` of a metadata document of this issuer. Raises BadMetadata. Pure."""
    if document.get("issuer") != issuer:
        raise BadMetadata(f"the metadata are of {document.get('issuer')!r:.200}, not of the configured issuer")
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise BadMetadata("the metadata name no jwks_uri")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise BadMetadata(f"jwks_uri is {address!r:.200}: keys are fetched over https, or http on a loopback host")
    return address
