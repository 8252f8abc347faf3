"""Whether the issuer holds its answers back until the keys change, as far as experience tells.

Pure. Nothing announces this ability, so it is tried: a key set is asked for with `Prefer: wait` (RFC 7240), and the
answers show. An issuer that did it before may fail to do it now and then (it restarts, it has too many waiting):
only after some disappointments in a row is it asked by the clock instead, and even then each scheduled request
tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PATIENCE: Final = 3
PAUSE_SECONDS: Final = 1.0
LEAST_SPACING_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class LongPolling:
    """`works` is None until it was tried."""

    works: bool | None = None
    disappointments: int = 0

    def after_answer(self, *, held_back: bool, changed: bool) -> LongPolling:
        """An answer came. One with a new document need not have been held back, if that does not go on and on."""
        if held_back:
            return LongPolling(works=True)
        if not changed and not self.works:
            return LongPolling(works=False)
        return self.after_failure()

    def after_failure(self) -> LongPolling:
        """A request that should have been held back was not, or broke: no proof of anything until it repeats."""
        disappointments = self.disappointments + 1
        works = self.works if disappointments < PATIENCE else False
        return LongPolling(works=works, disappointments=disappointments)

    @property
    def pause_seconds(self) -> float | None:
        """How long after an answer to ask again; None to go by the age of the set."""
        if self.works is False:
            return None
        return PAUSE_SECONDS if self.disappointments else 0.0
