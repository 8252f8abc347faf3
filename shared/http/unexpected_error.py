"""The answer to an exception that no middleware caught."""

from __future__ import annotations

import structlog
from aiohttp import web

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
