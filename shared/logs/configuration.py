"""Configures structlog and the standard library's loggers, so that every line takes the same path."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TextIO

import structlog

from shared.logs.console import ConsoleRenderer
from shared.logs.rendering import add_timestamp, add_traceback, render_json
from shared.logs.writer import LineLogger, LogWriter, with_deferred_lines

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator

    from prometheus_client import CollectorRegistry
    from structlog.typing import Processor, WrappedLogger

LogFormat = Literal["json", "console"]

_QUIET: Final = ("mcp", "httpx", "httpx2", "aiohttp.access")
"""The SDK and the client libraries log every request at INFO; the request middleware already does."""


@contextmanager
def service_logs(*, level: str, log_format: LogFormat, registry: CollectorRegistry) -> Iterator[None]:
    """Log to standard error from a writer thread, and flush at the end. `level` is a logging level name."""
    processors = _processors(log_format)

    def report_dropped(count: int) -> str:
        event: Any = {"event": "log_lines_dropped", "count": count}
        for processor in processors:
            event = processor(None, "warning", event)
        return f"{event}\n"

    writer = LogWriter(sys.stderr.fileno(), render=processors[-1], report_dropped=report_dropped)
    registry.register(writer)
    writer.start()
    _configure(logging.getLevelNamesMapping()[level.upper()], processors, writer)
    try:
        yield
    finally:
        writer.close()


def configure_command_logs(*, level: str, log_format: LogFormat) -> None:
    """Log to standard error directly, for commands that end by themselves. `level` is a logging level name."""
    _configure(logging.getLevelNamesMapping()[level.upper()], _processors(log_format), sys.stderr)


def log_event_loop_exception(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler for event loops: unlike asyncio's own it renders no arguments of callbacks and tasks."""
    structlog.get_logger("asyncio").error(
        "event_loop_exception", message=context.get("message"), exc_info=context.get("exception")
    )


def _processors(log_format: LogFormat) -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        add_timestamp,
        add_traceback,
        render_json if log_format == "json" else ConsoleRenderer(colors=sys.stderr.isatty()),
    ]


def _configure(level: int, processors: list[Processor], stream: TextIO | LogWriter) -> None:
    structlog.configure(
        processors=processors,
        wrapper_class=with_deferred_lines(level, stream)
        if isinstance(stream, LogWriter)
        else structlog.make_filtering_bound_logger(level),
        logger_factory=_logger_factory(stream),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *processors],
        )
    )
    # The mcp SDK adds a RichHandler of its own only if the root logger has no handler.
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    # Else a record that cannot be formatted is printed to standard error with its arguments.
    logging.raiseExceptions = False
    sys.unraisablehook = _log_unraisable
    threading.excepthook = _log_thread_exception
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    # aiohttp logs malformed requests with a traceback and the request line, which may hold an authorization code.
    # Exceptions of handlers are logged by the request middleware.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)


def _logger_factory(stream: TextIO | LogWriter) -> Callable[..., WrappedLogger]:
    if not isinstance(stream, LogWriter):
        return structlog.WriteLoggerFactory(file=stream)
    logger = LineLogger(stream)
    return lambda *_names: logger


def _log_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    structlog.get_logger("python").error("unraisable_exception", exc_info=unraisable.exc_value)


def _log_thread_exception(arguments: threading.ExceptHookArgs) -> None:
    structlog.get_logger("python").error("thread_exception", exc_info=arguments.exc_value)
