"""Errors of server.py: the answer to an exception that no middleware caught, and the error of a malformed request."""

from __future__ import annotations

import structlog
from aiohttp import web
from aiohttp.http_exceptions import LineTooLong

from shared.errors import RequestRejected
from shared.http.request_middleware import REQUEST_ID_HEADER, new_request_id


def answer_unexpected(request: web.BaseRequest, exc: BaseException | None) -> web.StreamResponse:
    """503, with the exception in the log only. Raises ConnectionError if an answer has begun."""
    request_id = new_request_id()
    log = structlog.get_logger("http")
    log.error("unexpected", request_id=request_id, path=request.path, exc_info=exc)
    if request.writer.output_size > 0:
        raise ConnectionError("the answer has begun")
    response = web.json_response(
        {
            "error": "temporarily_unavailable",
            "error_description": "The service is temporarily unavailable.",
            "request_id": request_id,
        },
        status=503,
        headers={REQUEST_ID_HEADER: request_id, "Cache-Control": "no-store", "Retry-After": "2"},
    )
    response.force_close()
    return response


def not_http(exc: BaseException) -> RequestRejected:
    """The error of what aiohttp's parser cannot read. Its text quotes the request: only its type is logged."""
    too_long = isinstance(exc, LineTooLong)
    return RequestRejected(
        type(exc).__name__,
        error_id="http_size" if too_long else "http_syntax",
        status=431 if too_long else 400,
        public="The request line or a header is too long." if too_long else "This is not an HTTP request.",
    )
