"""Reading of request bodies: the content type is checked, the size is bounded by the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.errors import InvalidRequest
from auth_service.protocol.form import Form, parse_urlencoded

if TYPE_CHECKING:
    from aiohttp import web


async def read_form(request: web.Request) -> Form:
    """Parse application/x-www-form-urlencoded (clients.md A13).

    Raises InvalidRequest; aiohttp raises HTTPRequestEntityTooLarge.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            f"content type {request.content_type!r:.60}",
            check="content_type",
            public="The request must be application/x-www-form-urlencoded.",
        )
    return parse_urlencoded(await request.read())
