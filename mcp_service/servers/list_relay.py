"""Rewrites the answer to a list request while it is relayed: JSON as a whole, server-sent events one by one.

For servers whose answers arrive as bytes. Bounded; an unreadable answer is refused, never passed on unfiltered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from mcp_service.guard.errors import UnreadableAnswer
from mcp_service.guard.list_filter import UnreadableList
from shared.http.media_type import essence_of
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from mcp_service.servers.list_policy import ListPolicy

MAX_BYTES: Final = 8 << 20
"""The limit of a JSON answer, and of one event."""

_LINE_OVERHEAD: Final = 64
"""Bytes of memory of a line of an event besides its own."""

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_OTHER_FIELDS: Final = (b"event:", b"id:", b"retry:", b":")


class ListRelay:
    """The answer to one request. `feed` every chunk as it comes, then `finish`: both return what may be sent."""

    def __init__(
        self,
        policy: ListPolicy,
        *,
        method: str | None,
        granted: tuple[str, ...] | None,
        content_type: str,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        """`method` is one of LIST_METHODS, or None for a stream that may repeat answers to several requests.

        `granted` is None for an anonymous caller.
        """
        self._policy = policy
        self._method = method
        self._granted = granted
        self._type = essence_of(content_type)
        self._max_bytes = max_bytes
        self._pending = bytearray()
        self._event: list[bytes] = []
        self._event_bytes = 0
        self._scanned = 0

    def feed(self, chunk: bytes) -> bytes:
        """Take one chunk. Raises UnreadableAnswer."""
        self._pending += chunk
        if self._type != "text/event-stream":
            self._check_size(len(self._pending))
            return b""
        return b"".join(self._events())

    def finish(self) -> bytes:
        """Return the rest. Raises UnreadableAnswer."""
        if self._type == "text/event-stream":
            # An event without its empty line is not dispatched by a reader, so nothing is lost.
            return self.feed(b"\n") if self._pending.endswith(b"\r") else b""
        body = bytes(self._pending)
        if not body:
            return b""
        if self._type != "application/json":
            raise UnreadableAnswer(f"a list of type {self._type!r:.60}", error_id="list_answer")
        return self._rewritten(body)

    def _events(self) -> list[bytes]:
        """The complete events; the rest stays pending."""
        ready: list[bytes] = []
        start = 0
        while (line_end := self._line_end(start)) is not None:
            end, after = line_end
            line = bytes(self._pending[start:end])
            start = self._scanned = after
            if line:
                self._event.append(line)
                self._event_bytes += len(line) + _LINE_OVERHEAD
                self._check_size(self._event_bytes)
            elif self._event:
                ready.append(self._event_rewritten(self._event))
                self._event, self._event_bytes = [], 0
        del self._pending[:start]
        self._scanned -= start
        self._check_size(self._event_bytes + len(self._pending))
        return ready

    def _line_end(self, start: int) -> tuple[int, int] | None:
        """Where the line ends that begins at `start`, and where the next begins: after LF, CR or CR LF."""
        found = _LINE_END.search(self._pending, max(start, self._scanned))
        # A line feed may follow a final carriage return in the next chunk.
        if found is None or (found[0] == b"\r" and found.end() == len(self._pending)):
            self._scanned = len(self._pending) if found is None else found.start()
            return None
        return found.span()

    def _event_rewritten(self, lines: list[bytes]) -> bytes:
        data = [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]
        data += [b"" for line in lines if line == b"data"]
        body = b"\n".join(data)
        if body.strip():
            data = [b"data: " + self._rewritten(body)]
        # Other fields than these mean nothing to a reader.
        return b"\n".join([*(line for line in lines if line.startswith(_OTHER_FIELDS)), *data]) + b"\n\n"

    def _rewritten(self, body: bytes) -> bytes:
        """Rewrite one JSON-RPC message; a result is that of the list, since nothing else was requested."""
        try:
            message = parse_json_object(body)
        except BadJson as exc:
            raise UnreadableAnswer(f"{self._method or 'a stream'}: {exc}", error_id="list_answer") from exc
        if "result" not in message:
            return json.dumps(message).encode()
        result = message["result"]
        if not isinstance(result, dict):
            raise UnreadableAnswer(f"{self._method or 'a stream'}: the result is not an object", error_id="list_answer")
        try:
            return json.dumps({**message, "result": self._policy.apply(self._method, result, self._granted)}).encode()
        except UnreadableList as exc:
            raise UnreadableAnswer(f"{self._method or 'a stream'}: {exc}", error_id="list_answer") from exc

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise UnreadableAnswer(f"a list of more than {self._max_bytes} bytes", error_id="list_answer")
