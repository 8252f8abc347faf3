"""A process's place among several that share a port, and the line that joins it to the parent that started it.

The kernel spreads connections over all processes that listen with SO_REUSEPORT. Each listens on a port of its own as
well, on the loopback address only: there it tells how it is, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

ENVIRONMENT_NAME: Final = "SALLYPORT_PLACE"
LOOPBACK: Final = "127.0.0.1"
_UP: Final = b"\n"


@dataclass(frozen=True, slots=True)
class Place:
    """Which of the processes this is, and where all of them are asked how they are."""

    number: int
    port: int
    """What all share; the one that the system chose, where the setting left it the choice."""
    inside_ports: tuple[int, ...]
    """On the loopback address, one for each process, in the order of their numbers."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self | None:
        """The place that a parent gave this process; None for one that was started by itself."""
        text = (os.environ if environment is None else environment).get(ENVIRONMENT_NAME)
        if text is None:
            return None
        given = json.loads(text)
        return cls(given["number"], given["port"], tuple(given["inside_ports"]))

    def as_environment(self) -> dict[str, str]:
        """What `from_environment` reads."""
        return {ENVIRONMENT_NAME: json.dumps(asdict(self))}

    @property
    def inside_port(self) -> int:
        """This process's own."""
        return self.inside_ports[self.number]


@contextlib.contextmanager
def joined_to_parent(place: Place | None, on_parents_end: Callable[[], None]) -> Iterator[Callable[[], None]]:
    """Give what tells the parent that this process serves; does nothing for a process that has no parent.

    Standard input is the child's end of a socket pair, and the other end closes with the parent's life, however that
    ends. Needs the running loop, which calls `on_parents_end`.
    """
    if place is None:
        yield lambda: None
        return
    loop = asyncio.get_running_loop()

    def read() -> None:
        # A parent says nothing: what can be read is the end.
        loop.remove_reader(end)
        on_parents_end()

    def tell_up() -> None:
        # A parent that is gone is noticed by the reader.
        with contextlib.suppress(OSError):
            end.send(_UP)

    with socket.socket(fileno=os.dup(0)) as end:
        loop.add_reader(end, read)
        try:
            yield tell_up
        finally:
            loop.remove_reader(end)


async def told_up(line: asyncio.StreamReader) -> bool:
    """The parent's side: wait for the child's word that it serves. False when the child ended without it."""
    return await line.read(len(_UP)) == _UP
