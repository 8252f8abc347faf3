"""The address of the issuer's JWKS: configured, or read from the issuer's metadata (RFC 8414, OpenID discovery).

The issuer's identity is the configured string: metadata of another issuer is refused (invariant 1, RFC 8414
section 3.3). Without metadata the address is the one that auth_service uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from shared.configured_url import is_loopback_host, origin_of, path_of
from shared.fetch.ssrf_safe_client import read_bounded
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    import aiohttp

MAX_DOCUMENT_BYTES: Final = 256 * 1024


class BadMetadata(Exception):
    """The issuer's metadata is refused. The text is for the log."""


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
        for url in metadata_urls(self._issuer):
            headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
            async with session.get(url, headers=headers, allow_redirects=False) as response:
                if response.status == 200:
                    try:
                        document = parse_json_object(await read_bounded(response, MAX_DOCUMENT_BYTES))
                    except BadJson as exc:
                        raise BadMetadata(f"{url}: {exc}") from exc
                    return jwks_uri_of(document, issuer=self._issuer)
        return f"{self._issuer}/.well-known/jwks.json"


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Possible addresses of the metadata, in the order in which clients try them (MCP authorization). Pure."""
    origin, path = origin_of(issuer), path_of(issuer)
    urls = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{issuer}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(urls))


def jwks_uri_of(document: dict[str, Any], *, issuer: str) -> str:
    """The `jwks_uri` of a metadata document of this issuer. Raises BadMetadata. Pure."""
    if document.get("issuer") != issuer:
        raise BadMetadata(f"the metadata is of {document.get('issuer')!r:.200}, not of the configured issuer")
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise BadMetadata("the metadata names no jwks_uri")
    parts = urlsplit(address)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback_host(parts.hostname or "")):
        raise BadMetadata(f"jwks_uri is {address!r:.200}: keys are fetched over https, or http on a loopback host")
    return address
