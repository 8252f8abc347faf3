"""The address of the issuer's feed of status lists: configured, or in the issuer's metadata; never from a token."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcp_service.issuer.metadata import BadMetadata, fetch_metadata

if TYPE_CHECKING:
    import aiohttp


class FeedDiscovery:
    """The address to fetch from: discovered once, and again after a failure."""

    def __init__(self, *, issuer: str, configured: str | None) -> None:
        self._issuer = issuer
        self._configured = configured
        self._found: str | None = None
        self.prefix = f"{issuer}/status-lists/"
        """The beginning of the address of each list of this issuer."""

    @property
    def is_configured(self) -> bool:
        """Whether the address is configured: then the issuer has lists, whatever its metadata say."""
        return self._configured is not None

    async def find(self, session: aiohttp.ClientSession) -> str | None:
        """The address; None if the issuer has no feed.

        Raises BadMetadata, FetchFailed (too long), aiohttp.ClientError, ValueError or OSError.
        """
        if self._configured is not None:
            return self._configured
        if self._found is None:
            document = await fetch_metadata(session, self._issuer)
            self._found = None if document is None else feed_address_of(document, issuer=self._issuer)
        return self._found

    def forget(self) -> None:
        """Discover again at the next request."""
        self._found = None


def feed_address_of(document: dict[str, Any], *, issuer: str) -> str | None:
    """The `status_list_aggregation_endpoint` of the issuer's metadata, if it has one below the issuer's URL.

    One elsewhere is not a feed as auth_service has it: it is passed over. Raises BadMetadata. Pure.
    """
    address = document.get("status_list_aggregation_endpoint")
    if address is None:
        return None
    if not isinstance(address, str) or "?" in address or "#" in address:
        raise BadMetadata(f"status_list_aggregation_endpoint is {address!r:.200}")
    return address if address.startswith(f"{issuer}/") else None
