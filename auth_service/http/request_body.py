"""Reading of request bodies: the content type is checked, size and time are bounded.

The size is the application's bound; aiohttp applies it to what a packed body unpacks to.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

from auth_service.protocol.errors import InvalidRequest, PageError
from auth_service.protocol.parameters import Parameters, parse_urlencoded

LONGEST_BODY_SECONDS: Final = 15.0
"""A body is a few kilobytes; one that takes longer is not coming. aiohttp itself would wait for ever."""


async def read_form(request: web.Request) -> Parameters:
    """Parse application/x-www-form-urlencoded (interop.md A13).

    Raises InvalidRequest; aiohttp raises HTTPRequestEntityTooLarge.
    """
    if request.content_type != "application/x-www-form-urlencoded":
        raise InvalidRequest(
            f"content type {request.content_type!r:.60}",
            error_id="content_type",
            public="The request must be application/x-www-form-urlencoded.",
        )
    if request.content.is_eof():  # it came with the headers: there is nothing to wait for
        return parse_urlencoded(await request.read())
    async with reading_body():
        body = await request.read()
    return parse_urlencoded(body)


async def read_first_party_form(request: web.Request) -> Parameters:
    """Parse a form that a page of ours sent. Raises PageError when the browser says that another one did.

    The CSRF value is what protects a form. This stands beside it where a cookie can be planted: over plain http on
    localhost every port shares cookies, and a page of another port could plant the one that CSRF values hang on.
    """
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        raise PageError(
            "the browser says that a page of another origin sent the form",
            error_id="form_origin",
            title="This form was not ours",
            public="Another website tried to decide for you. Nothing was done.",
            hint="If you wanted to connect an application, start again from there.",
            status=403,
        )
    return await read_form(request)


@asynccontextmanager
async def reading_body() -> AsyncIterator[None]:
    """Around the reading of a body: one that breaks off or never ends is the caller's fault. Raises InvalidRequest."""
    try:
        async with asyncio.timeout(LONGEST_BODY_SECONDS):
            yield
    except TimeoutError as exc:
        raise InvalidRequest(
            "the body did not come in time", error_id="body_time", status=408, public="The request took too long."
        ) from exc
    except web.RequestPayloadError as exc:
        raise InvalidRequest(f"the body cannot be read: {exc}"[:200], error_id="body_readable") from exc
