"""A public document: the same answer for every client, until there is another version of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(frozen=True, eq=False, slots=True)
class Document:
    """One answer to GET. Make one for each version, not for each request: what is prepared of it is kept for it."""

    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    note: Callable[[web.BaseRequest, str], object] | None = None
    """Called with each request that is answered with it and the client's address, after the rate limit."""

    @property
    def response(self) -> web.Response:
        """The same as an answer of the application."""
        return web.Response(status=self.status, body=self.body or None, headers=self.headers)


def json_document(body: bytes, *, cache_control: str) -> Document:
    """A JSON document that does not change while the process runs."""
    return Document(body, {"Content-Type": "application/json", "Cache-Control": cache_control})


FindDocument = Callable[[web.BaseRequest], Document | None]
"""The document that answers this GET now, found without any effect; None if the application must answer."""
