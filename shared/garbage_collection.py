"""The garbage collector of a service: its pauses stay short, whatever the service holds.

Memory is freed when the last reference to an object is dropped. The collector only finds cycles of objects that refer
to each other. For that it visits every object of the generations that it collects: in a full collection all that have
been made since the start, which takes 0.2 s with 2,000 open streams (docs/benchmarks.md, "Pauses").
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

THRESHOLDS: Final = (1000, 4, 1000)
"""Containers made, and not freed again, before the youngest are collected; such collections before the next older are;
collections of these before a full one. The first two take milliseconds together. A full collection comes after five
million containers, so that cycles among old objects do not grow without bound. Streams leave none, and what a
refused request leaves is found while it is young."""


@contextmanager
def garbage_collection_paused() -> Iterator[None]:
    """Import large libraries in this context.

    Their objects (some hundred thousand) live as long as the process. Traversing them while they are created takes a
    tenth of the start-up time, and every later full collection would traverse them again, as a pause for requests.
    Therefore collection is off during the import, and the objects are frozen (`gc.freeze`) afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def limit_collections() -> None:
    """Collect once, exempt all that is left from collections, and make full collections rare.

    Call it when the service has started: what exists then lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
