"""The loopback addresses of this machine, and whether a port on them is free."""

from __future__ import annotations

import socket
from collections.abc import Sequence


def loopback_addresses() -> tuple[str, ...]:
    """127.0.0.1, and ::1 if the machine has it. `localhost` may be either for a client."""
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return ("127.0.0.1",)
    return ("127.0.0.1", "::1")


def is_free(hosts: Sequence[str], port: int) -> bool:
    """Whether a server can listen on every address at this port now."""
    for host in hosts:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen(1)
            except OSError:
                return False
    return True
