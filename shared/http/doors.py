"""The addresses that a server listens on, and how they are closed without turning away who has just come in.

A connection that the system has accepted and the program has not yet would be reset by a plain close: its client has
sent a request and cannot know that nobody saw it.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import socket
import struct
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

BACKLOG: Final = 128
HANDSHAKE_SECONDS: Final = 0.02
"""How long a connection that was begun before the door was barred may take to be complete."""

# Linux, asm-generic/socket.h; Python does not name it.
_SO_ATTACH_FILTER: Final = 26
_NO_NEW_CONNECTION: Final = (
    # Classic BPF over the TCP header: a packet with the flag SYN is dropped, every other one taken whole.
    (0x30, 0, 0, 13),  # load the byte of the flags
    (0x45, 0, 1, 0x02),  # is SYN among them?
    (0x06, 0, 0, 0),  # yes: drop
    (0x06, 0, 0, 0xFFFFFFFF),  # no: take
)


class Doors:
    """Opened one by one, closed together."""

    def __init__(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        self._make_protocol = make_protocol
        self._servers: list[asyncio.Server] = []

    async def open(self, addresses: Iterable[tuple[str, int]], *, shared: bool) -> None:
        """Listen; `shared` with other processes of this service. Raises OSError."""
        loop = asyncio.get_running_loop()
        for host, port in addresses:
            server = await loop.create_server(
                self._make_protocol, host, port, backlog=BACKLOG, reuse_port=shared or None
            )
            self._servers.append(server)

    def close_at_once(self) -> None:
        """Listen no more; does nothing after `close`."""
        for server in self._servers:
            server.close()
        self._servers.clear()

    async def close(self) -> None:
        """Let in who is connected already, and nobody else. On Linux nobody is reset; elsewhere hardly anybody.

        Whoever knocks in this moment is not answered; the client's system knocks again after a second, and is refused.
        """
        # Copies: the door stays open, but the loop takes in nobody any more.
        doors = [socket.socket(fileno=os.dup(s.fileno())) for server in self._servers for s in server.sockets]
        self.close_at_once()
        try:
            for door in doors:
                _bar(door)
            await asyncio.sleep(HANDSHAKE_SECONDS)
            arrived = [connection for door in doors for connection in _waiting_at(door)]
        finally:
            for door in doors:
                door.close()
        loop = asyncio.get_running_loop()
        for connection in arrived:
            await loop.connect_accepted_socket(self._make_protocol, connection)


def _bar(door: socket.socket) -> None:
    """Let no new connection begin, while those that have begun are completed; where the system can do that."""
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *step) for step in _NO_NEW_CONNECTION))
    # A sandbox may refuse: then the door closes as it would elsewhere.
    with suppress(OSError):
        door.setsockopt(
            socket.SOL_SOCKET,
            _SO_ATTACH_FILTER,
            struct.pack("@HP", len(_NO_NEW_CONNECTION), ctypes.addressof(program)),
        )


def _waiting_at(door: socket.socket) -> list[socket.socket]:
    """All connections that are complete and that nobody has accepted."""
    waiting = []
    door.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            # One that has given up meanwhile is none.
            with suppress(ConnectionError):
                connection, _ = door.accept()
                connection.setblocking(False)
                waiting.append(connection)
    return waiting
