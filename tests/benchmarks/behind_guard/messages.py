"""Messages of client and server for measurements that need more than a tool call."""

from __future__ import annotations

import json
from typing import Final

EVENT: Final = (
    b"event: message\ndata: "
    + json.dumps(
        {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": 1, "progress": 0.5}}
    ).encode()
    + b"\n\n"
)
TO_ALL: Final = b"an event to all"
"""In the body of a request: every open stream gets an event."""


def listening(token: str) -> bytes:
    """A request for the stream of notifications, as versions before 2026-07-28 have it."""
    return (
        "GET /mcp HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\nMCP-Protocol-Version: 2025-06-18\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()
