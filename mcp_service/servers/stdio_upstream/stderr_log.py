"""Standard error of a process, in the log of the guard: line by line, bounded in length and rate."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from shared.rates import Rate, decide

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog

LINE_CHARACTERS: Final = 500
LINES: Final = Rate(10, 1, burst=100)
"""A process that writes more costs the guard only the reading."""
_CHUNK_BYTES: Final = 1 << 16


async def log_standard_error(
    stream: asyncio.StreamReader,
    log: structlog.typing.FilteringBoundLogger,
    *,
    on_failure: Callable[[], None],
) -> None:
    """Log what arrives until the stream ends. A long line is cut; lines beyond the rate are counted.

    After an unexpected exception, for which `on_failure` is called, the rest is discarded.
    """
    try:
        await _log_lines(stream, log)
    except Exception:  # noqa: BLE001 - the rest is read whatever has failed
        # Read on: a process blocks on a pipe that nothing reads.
        on_failure()
        try:
            log.exception("upstream_stderr_failed")
        finally:
            while await stream.read(_CHUNK_BYTES):
                pass


async def _log_lines(stream: asyncio.StreamReader, log: structlog.typing.FilteringBoundLogger) -> None:
    clock = asyncio.get_running_loop().time
    arrival_ms: int | None = None
    suppressed = 0
    line = b""

    def write(text: bytes) -> None:
        nonlocal arrival_ms, suppressed
        decision = decide(arrival_ms, int(clock() * 1000), LINES)
        arrival_ms = decision.arrival_ms
        if not decision.allowed:
            suppressed += 1
            return
        if suppressed:
            log.warning("upstream_stderr_suppressed", lines=suppressed)
            suppressed = 0
        log.info("upstream_stderr", line=text.decode(errors="replace").rstrip())

    while chunk := await stream.read(_CHUNK_BYTES):
        first, *others = chunk.split(b"\n")
        # Of a line that goes on only the beginning is kept.
        pieces = [line + first[: max(0, LINE_CHARACTERS - len(line))], *others]
        for piece in pieces[:-1]:
            if piece.strip():
                write(piece[:LINE_CHARACTERS])
        line = pieces[-1][:LINE_CHARACTERS]
    if line.strip():
        write(line)
    if suppressed:
        log.warning("upstream_stderr_suppressed", lines=suppressed)
