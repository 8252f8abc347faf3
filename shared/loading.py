"""Imports of large libraries without garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
