"""Structured logs on standard error: JSON for machines, aligned text for a terminal."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog

LogFormat = Literal["json", "console"]


def configure_logs(*, level: str, log_format: LogFormat) -> None:
    """Set up structlog and the standard library's root logger once, at start. `level` is a logging level name."""
    number = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info if log_format == "json" else structlog.processors.StackInfoRenderer(),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=number, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s", force=True)
    # The SDK and the client libraries log every request at INFO; the request middleware already does.
    for noisy in ("mcp", "httpx", "httpx2", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(max(number, logging.WARNING))
    # aiohttp logs malformed requests with a traceback and the request line, which may hold an authorization code.
    # Exceptions of handlers are logged by the request middleware.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
