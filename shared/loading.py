"""Loading code without the garbage collector looking on."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def undisturbed() -> Iterator[None]:
    """Import heavy libraries within.

    What they make (some hundred thousand objects) lives as long as the process. Looking through it again and again
    while it grows takes a tenth of a start, and would go on in every full collection, as a pause for whoever is being
    served: so there is no collection while it is loaded, and none looks at it afterwards.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
