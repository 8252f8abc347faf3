"""Translates the exceptions that aiohttp raises for a request into RequestRejected."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from shared.errors import RequestRejected

if TYPE_CHECKING:
    from aiohttp import web

_CODES: Final = {
    404: ("not_found", "There is nothing at this address."),
    405: ("method_not_allowed", "This address does not answer that method."),
    413: ("invalid_request", "The request body is too large."),
    415: ("invalid_request", "The content type is not supported."),
}


def as_rejected(exc: RequestRejected | web.RequestPayloadError) -> RequestRejected:
    """The client's error for a body that breaks off or does not match its encoding, wherever it is read."""
    return (
        exc
        if isinstance(exc, RequestRejected)
        else RequestRejected(f"the body cannot be read: {exc}"[:200], error_id="body_readable")
    )


def from_http_exception(exc: web.HTTPException) -> RequestRejected:
    """The error for an exception with a status of 400 or more, with the headers that belong to it."""
    code, public = _CODES.get(exc.status, ("invalid_request", "The request is malformed."))
    kept = {name: exc.headers[name] for name in ("Allow", "Retry-After") if name in exc.headers}
    return RequestRejected(
        exc.reason, error_id=f"http_{exc.status}", public=public, status=exc.status, code=code, headers=kept
    )
