"""Ports for the servers that tests start, such that no two tests get the same one."""

from __future__ import annotations

import itertools
import os
import secrets
from typing import TYPE_CHECKING, Final

from devstack.loopback import is_free

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PORTS: Final = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, any of which may take one before a server has it."""

WORKERS: Final = 8
"""Of pytest-xdist, that each have a share of the ports. More of them share shares."""


def ports_of(worker: str) -> range:
    """The share of a worker of pytest-xdist, which names it gw0, gw1 and so on; of a run without workers the first."""
    size = len(PORTS) // WORKERS
    number = int(worker.removeprefix("gw") or 0) % WORKERS
    return PORTS[number * size : (number + 1) * size]


def in_turn(ports: range) -> Iterator[int]:
    """Each of them once, and again after the last. The first is chosen at random: there may be other runs."""
    return itertools.islice(itertools.cycle(ports), secrets.randbelow(len(ports)), None)


_NEXT: Final = in_turn(ports_of(os.environ.get("PYTEST_XDIST_WORKER", "")))


def free_port(hosts: Sequence[str]) -> int:
    """A port that is free on all of the addresses, and stays so unless another run of the tests takes it."""
    for port in itertools.islice(_NEXT, 200):
        if is_free(hosts, port):
            return port
    raise OSError("no port is free on all loopback addresses")
