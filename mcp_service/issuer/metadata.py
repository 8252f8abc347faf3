"""The issuer's metadata (RFC 8414, OpenID discovery).

The issuer's identity is the configured string: metadata of another issuer is refused (invariant 1, RFC 8414
section 3.3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from shared.configured_url import origin_of, path_of
from shared.fetch.ssrf_safe_client import read_bounded
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    import aiohttp

MAX_DOCUMENT_BYTES: Final = 256 * 1024


class BadMetadata(Exception):
    """The issuer's metadata is refused. The text is for the log."""


async def fetch_metadata(session: aiohttp.ClientSession, issuer: str) -> dict[str, Any] | None:
    """The metadata document, or None if the issuer has none.

    Raises BadMetadata, FetchFailed (too long), aiohttp.ClientError, ValueError or OSError.
    """
    for url in metadata_urls(issuer):
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            if response.status == 200:
                try:
                    document = parse_json_object(await read_bounded(response, MAX_DOCUMENT_BYTES))
                except BadJson as exc:
                    raise BadMetadata(f"{url}: {exc}") from exc
                return of_issuer(document, issuer=issuer)
    return None


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Possible addresses of the metadata, in the order in which clients try them (MCP authorization). Pure."""
    origin, path = origin_of(issuer), path_of(issuer)
    urls = (
        f"{origin}/.well-known/oauth-authorization-server{path}",
        f"{origin}/.well-known/openid-configuration{path}",
        f"{issuer}/.well-known/openid-configuration",
    )
    return tuple(dict.fromkeys(urls))


def of_issuer(document: dict[str, Any], *, issuer: str) -> dict[str, Any]:
    """The document, if it is this issuer's. Raises BadMetadata. Pure."""
    if document.get("issuer") != issuer:
        raise BadMetadata(f"the metadata is of {document.get('issuer')!r:.200}, not of the configured issuer")
    return document
