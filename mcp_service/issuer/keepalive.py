"""Sockets whose peer is probed by the kernel, so that a connection without a living peer ends (invariant 12).

A long poll is silent for up to 25 seconds. A peer that vanished without closing (a host that lost power, an entry that
a NAT table dropped) looks the same, and would be noticed when the response is overdue. The probes reach the other end
of the TCP connection: behind a proxy they tell of the proxy, not of the issuer.
"""

from __future__ import annotations

import socket
from typing import Any, Final

IDLE_SECONDS: Final = 3
"""Seconds of silence before the first probe."""
INTERVAL_SECONDS: Final = 2
PROBES: Final = 2
DEAD_SECONDS: Final = IDLE_SECONDS + PROBES * INTERVAL_SECONDS
"""When a connection whose peer answers no probe has ended; also how long sent data may stay unacknowledged."""

_OPTIONS: Final = (
    ("TCP_KEEPIDLE", IDLE_SECONDS),
    ("TCP_KEEPALIVE", IDLE_SECONDS),  # the name on macOS
    ("TCP_KEEPINTVL", INTERVAL_SECONDS),
    ("TCP_KEEPCNT", PROBES),
    ("TCP_USER_TIMEOUT", DEAD_SECONDS * 1000),  # milliseconds; Linux only
)


def open_probed_socket(addr_info: tuple[Any, ...]) -> socket.socket:
    """A socket for an entry of getaddrinfo, with each of the options that the platform has."""
    family, kind, protocol, _, _ = addr_info
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    return made
