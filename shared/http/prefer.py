"""The request headers of a long poll for the JWKS: `Prefer: wait` (RFC 7240) and the verifier's name. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

REPLICA_HEADER: Final = "Sallyport-Replica"
"""Names the verifier, so that a key rotation can wait for it."""

_WAIT: Final = re.compile(r'wait\s*=\s*(?:"(\d{1,9})"|(\d{1,9}))', re.IGNORECASE)


def wait_preference(headers: Iterable[str]) -> int | None:
    """The seconds of `wait=N` in the Prefer headers of a request; None if no valid one is present.

    RFC 7240 section 2: the first of repeated preferences counts; unknown ones are ignored.
    """
    for header in headers:
        for preference in header.split(","):
            # Parameters of a preference follow a semicolon; `wait` has none.
            found = _WAIT.fullmatch(preference.split(";", 1)[0].strip())
            if found:
                return int(found[1] or found[2])
    return None
