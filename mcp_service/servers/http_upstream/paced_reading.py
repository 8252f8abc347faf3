"""Spreads the parsing of streams that only listen over turns of the event loop: a few streams per turn.

The event loop reads from every socket that has bytes before it runs anything else. To parse an event and to wake the
task that passes it on costs several times what the read does: with thousands of events in one moment a call would wait
for all of them (docs/benchmarks.md, "Pauses").
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    import aiohttp
    from aiohttp.client_proto import ResponseHandler

HELD_BYTES: Final = 16_384
"""No more is read from a connection while so many bytes of it wait for their turn."""


def read_in_turn(answer: aiohttp.ClientResponse, in_turn: Callable[[Callable[[], None]], None]) -> None:
    """From now on, parse the bytes of this answer when `in_turn` calls back, perhaps at once.

    The connection is not used again: nothing that the server sends after the answer may wait here unseen.
    """
    connection = answer.connection
    if connection is None or connection.protocol is None or connection.transport is None:
        # The whole answer has come with its head.
        return
    connection.protocol.force_close()
    connection.transport.set_protocol(_PacedReading(connection.protocol, connection.transport, in_turn))


class _PacedReading(asyncio.Protocol):
    """Stands between a connection and aiohttp's protocol; the bytes and the end keep their order."""

    __slots__ = ("_held", "_in_turn", "_is_paused", "_protocol", "_transport")

    def __init__(
        self, protocol: ResponseHandler, transport: asyncio.Transport, in_turn: Callable[[Callable[[], None]], None]
    ) -> None:
        self._protocol = protocol
        self._transport = transport
        self._in_turn = in_turn
        self._held = b""
        self._is_paused = False

    def data_received(self, data: bytes) -> None:
        if self._held:
            self._held += data
        else:
            self._held = data
            self._in_turn(self._release)
        if len(self._held) > HELD_BYTES:
            self._is_paused = True
            self._transport.pause_reading()

    def eof_received(self) -> None:
        self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_turn(partial(self._protocol.connection_lost, exc))

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()

    def _release(self) -> None:
        held, self._held = self._held, b""
        if self._is_paused:
            self._is_paused = False
            if not self._transport.is_closing():
                self._transport.resume_reading()
        # A connection that this side has closed takes nothing more.
        if self._protocol.connected:
            self._protocol.data_received(held)
