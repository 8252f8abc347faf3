"""The garbage collector of a service: its pauses stay short, whatever the service holds.

Memory is freed when the last reference to an object is dropped. The collector only finds cycles of objects that refer
to each other. For that it visits every object of the generations that it collects: in a full collection all that have
been made since the start, which takes 0.2 s with 2,000 open streams (docs/benchmarks.md, "Pauses").
"""

from __future__ import annotations

import gc
from typing import Final

THRESHOLDS: Final = (1000, 4, 1000)
"""Containers made, and not freed again, before the youngest are collected; such collections before the next older are;
collections of these before a full one. The first two take milliseconds together. A full collection comes after five
million containers, so that cycles among old objects do not grow without bound. Streams leave none, and what a
refused request leaves is found while it is young."""


def limit_collections() -> None:
    """Collect once, exempt all that is left from collections, and make full collections rare.

    Call it when the service has started: what exists then lives as long as the process.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
