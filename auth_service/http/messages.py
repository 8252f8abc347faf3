"""Request bodies, read with bounds on type, size and time; and the responses that no cache may store.

The size is bounded by the application's `client_max_size`; aiohttp applies it to the decompressed body.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web
from pydantic_core import to_json

from auth_service.protocol.errors import InvalidRequest, PageError
from auth_service.protocol.parameters import MAX_PARAMETERS, REPEATABLE, Parameters, parse_urlencoded
from auth_service.texts import message
from shared.http.media_type import essence_of

MAX_BODY_SECONDS: Final = 15.0
"""The time limit of a body, which has a few kilobytes; aiohttp has none of its own."""

_FORM: Final = "application/x-www-form-urlencoded"

_BODY: Final = web.RequestKey("body", bytes)
"""The body of a request, once it has been read."""

NO_STORE: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_JSON: Final = {"Content-Type": "application/json; charset=utf-8", **NO_STORE}


async def read_form(
    request: web.Request, *, repeatable: frozenset[str] = REPEATABLE, most: int = MAX_PARAMETERS
) -> Parameters:
    """Parse application/x-www-form-urlencoded (interop.md A13) with `most` parameters at most.

    Raises InvalidRequest; aiohttp raises HTTPRequestEntityTooLarge.
    """
    if not is_form(request):
        raise InvalidRequest(
            f"content type {request.headers.get('Content-Type', '')!r:.60}",
            error_id="content_type",
            public="The request must be application/x-www-form-urlencoded.",
        )
    return parse_urlencoded(await read_body(request), repeatable=repeatable, most=most)


async def read_body(request: web.Request) -> bytes:
    """The whole body. It can be read again, but only here. Raises as `read_form`."""
    body = request.get(_BODY)
    if body is None:
        if request.content.is_eof():  # received together with the headers: nothing to wait for, and no timeout
            body = request.content.read_nowait()
            if request.client_max_size and len(body) > request.client_max_size:
                raise web.HTTPRequestEntityTooLarge(request.client_max_size)
        else:
            async with reading_body():
                body = await request.read()
        request[_BODY] = body
    return body


def is_form(request: web.Request) -> bool:
    """Whether the body is application/x-www-form-urlencoded by its header."""
    content_type = request.headers.get("Content-Type", "")
    return content_type == _FORM or essence_of(content_type) == _FORM


async def read_first_party_form(
    request: web.Request, *, repeatable: frozenset[str] = frozenset(), most: int = MAX_PARAMETERS
) -> Parameters:
    """Parse a form of this service. Raises PageError if the browser reports that a page of another origin sent it.

    The CSRF value protects a form. This check is added because cookies can be planted over plain http on localhost:
    every port shares them, so a page of another port could plant the cookie from which CSRF values are derived.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise PageError(
            "the browser reports that a page of another origin sent the form",
            error_id="form_origin",
            title=message("Blocked for your safety"),
            public=message("Another website tried to submit this form for you. Nothing was changed."),
            hint=message("To connect an app, start again from that app."),
            status=403,
        )
    return await read_form(request, repeatable=repeatable, most=most)


@asynccontextmanager
async def reading_body() -> AsyncIterator[None]:
    """Wrap the reading of a body: one that breaks off or is too slow raises InvalidRequest."""
    try:
        async with asyncio.timeout(MAX_BODY_SECONDS):
            yield
    except TimeoutError as exc:
        raise InvalidRequest(
            "the body was not received in time", error_id="body_time", status=408, public="The request took too long."
        ) from exc
    except web.RequestPayloadError as exc:
        raise InvalidRequest(f"the body cannot be read: {exc}"[:200], error_id="body_readable") from exc


def secret_json(body: Mapping[str, Any], *, status: int = 200) -> web.Response:
    """A JSON response that no cache may store (RFC 6749 section 5.1)."""
    return web.Response(body=to_json(body), status=status, headers=_JSON)
