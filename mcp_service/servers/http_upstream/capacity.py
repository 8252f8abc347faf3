"""The bound on requests that are in progress at the server at once.

Streams that only listen take three quarters at most, so that they cannot exclude calls.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_service.servers.http_upstream.errors import TooBusy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import Gauge


class Capacity:
    """Counts requests in progress."""

    def __init__(self, most: int, gauge: Gauge) -> None:
        """`gauge` has the label `kind`: call or stream."""
        self._most = most
        self._most_streams = most * 3 // 4
        self._calls = self._streams = 0
        gauge.labels("call").set_function(lambda: self._calls)
        gauge.labels("stream").set_function(lambda: self._streams)

    @contextmanager
    def taken(self, *, is_stream: bool) -> Iterator[None]:
        """Count one request for as long as it is in progress. Raises TooBusy."""
        if self._calls + self._streams >= self._most:
            raise TooBusy(f"{self._most} requests are in progress")
        if is_stream and self._streams >= self._most_streams:
            raise TooBusy(f"{self._most_streams} streams are open")
        if is_stream:
            self._streams += 1
        else:
            self._calls += 1
        try:
            yield
        finally:
            if is_stream:
                self._streams -= 1
            else:
                self._calls -= 1
