"""Reading a response body up to a limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import aiohttp


async def read_bounded(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """The body, if it is at most `limit` bytes long. Raises ValueError for a longer one, without reading on."""
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > limit:
            raise ValueError(f"longer than {limit} bytes")
    return bytes(body)
