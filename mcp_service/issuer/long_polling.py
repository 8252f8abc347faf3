"""Whether the issuer supports long polling, as its responses show.

Pure. No metadata announces the ability, so every scheduled request carries `Prefer: wait` (RFC 7240), and the responses
tell. An issuer that supports it may miss it now and then (at a restart, or with too many requests waiting): after
MAX_MISSES in a row the document is refreshed by its age instead, and each such request tries again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

WAIT_SECONDS: Final = 25
"""How long the issuer may hold a long poll: shorter than the idle timeout of common proxies."""

MAX_MISSES: Final = 3
PAUSE_SECONDS: Final = 1.0
MIN_SPACING_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True)
class LongPolling:
    """What the responses have shown. `works` is None until the first one."""

    works: bool | None = None
    misses: int = 0

    def after_response(self, *, held_back: bool, changed: bool) -> LongPolling:
        """The state after a response. One with a new document need not have been held, unless that repeats."""
        if held_back:
            return LongPolling(works=True)
        if not changed and not self.works:
            return LongPolling(works=False)
        return self.after_failure()

    def after_failure(self) -> LongPolling:
        """The state after a request that failed or was not held: one such request proves nothing."""
        misses = self.misses + 1
        works = self.works if misses < MAX_MISSES else False
        return LongPolling(works=works, misses=misses)

    @property
    def pause_seconds(self) -> float | None:
        """Seconds from a response to the next request; None to wait for the age of the document."""
        if self.works is False:
            return None
        return PAUSE_SECONDS if self.misses else 0.0


def was_held_back(headers: Mapping[str, str]) -> bool:
    """Whether a response says that the issuer honoured `Prefer: wait`."""
    return "wait" in headers.get("Preference-Applied", "").lower()
