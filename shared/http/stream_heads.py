"""Recognises a request that opens a stream by its first bytes (paced_connections.py)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

HEAD_BYTES: Final = 4096
"""The first bytes, in which the marker is looked for: a head, and the beginning of a body."""


class StreamHeads(NamedTuple):
    """Byte patterns that identify such a request: one of the beginnings, or the marker in the first `HEAD_BYTES`."""

    beginnings: tuple[bytes, ...]
    marker: bytes


def stream_heads(paths: Iterable[str], *, marker: bytes) -> StreamHeads:
    """The patterns of streams that are opened by a GET of one of these paths, or by a request with the marker."""
    return StreamHeads(tuple(f"GET {path}{end}".encode() for path in paths for end in " ?"), marker)
