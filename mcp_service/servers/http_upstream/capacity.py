"""The bound on requests that are in progress at the server at once.

Streams that only listen take three quarters at most, so that they cannot exclude calls. One user takes half, so that
the others are not excluded.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mcp_service.servers.http_upstream.errors import too_busy

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from prometheus_client import Gauge


class Capacity:
    """Counts requests in progress."""

    def __init__(self, most: int, gauge: Gauge) -> None:
        """`gauge` has the label `kind`: call or stream."""
        self._most = most
        self._most_streams = most * 3 // 4
        self._most_of_one = most // 2
        self._calls = self._streams = 0
        self._callers: Counter[Hashable] = Counter()
        gauge.labels("call").set_function(lambda: self._calls)
        gauge.labels("stream").set_function(lambda: self._streams)

    @contextmanager
    def taken(self, caller: Hashable, *, is_stream: bool) -> Iterator[None]:
        """Count one request for as long as it is in progress. `caller` is its user. Raises ServerBusy."""
        if self._calls + self._streams >= self._most:
            raise too_busy(f"{self._most} requests are in progress")
        if is_stream and self._streams >= self._most_streams:
            raise too_busy(f"{self._most_streams} streams are open")
        if self._callers[caller] >= self._most_of_one:
            raise too_busy(f"{self._most_of_one} requests of this user are in progress")
        self._callers[caller] += 1
        if is_stream:
            self._streams += 1
        else:
            self._calls += 1
        try:
            yield
        finally:
            self._callers[caller] -= 1
            if not self._callers[caller]:
                del self._callers[caller]
            if is_stream:
                self._streams -= 1
            else:
                self._calls -= 1
