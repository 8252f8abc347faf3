"""The body of a request that arrived together with its headers, as most bodies do: it is read without waiting."""

from __future__ import annotations

from aiohttp import web


def arrived_body(request: web.Request) -> bytes | None:
    """The whole body, which can be taken once. None if more of it is to come: `request.read()` then waits for it.

    Raises HTTPRequestEntityTooLarge above the `client_max_size` of the application, as `request.read()` does.
    """
    if not request.content.is_eof():
        return None
    body = request.content.read_nowait()
    if len(body) > request.client_max_size:
        raise web.HTTPRequestEntityTooLarge(request.client_max_size)
    return body
