"""The bits of the lists that are held: bounded, and never set back while the guard runs (invariant 12).

A list that comes with fewer bits than before was restored from an old copy, or comes from a replica that lost a write:
what was revoked stays revoked. A list that the issuer no longer names is kept until the last token that may name it
has expired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_service.status_lists.feed import MAX_LISTS
from shared.access_tokens.profile import MAX_LIFETIME_SECONDS

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from mcp_service.status_lists.list_token import StatusList

KEPT_SECONDS: Final = MAX_LIFETIME_SECONDS + 60
"""A leeway for clocks included."""


class HeldLists:
    """Bits by address of a list, in the dictionary that the verifier reads."""

    def __init__(self, lists: dict[str, bytearray]) -> None:
        self._lists = lists
        self._gone_at: dict[str, float] = {}

    def merge(self, status_list: StatusList) -> bool:
        """Add the bits of one list that the issuer names; tell whether any was not set before."""
        held = self._lists.get(status_list.uri)
        if held is None:
            self._make_room()
            self._lists[status_list.uri] = bytearray(status_list.bits)
            return any(status_list.bits)
        before = int.from_bytes(held)
        after = before | int.from_bytes(status_list.bits)
        # In place: the verifier may hold the array.
        held[:] = after.to_bytes(len(held))
        return after != before

    def keep(self, named: AbstractSet[str], now: float) -> None:
        """Drop the lists that the issuer has not named for KEPT_SECONDS. `now` is of a monotonic clock."""
        for uri in list(self._lists):
            if uri in named:
                self._gone_at.pop(uri, None)
            elif now >= self._gone_at.setdefault(uri, now) + KEPT_SECONDS:
                self._drop(uri)

    def _make_room(self) -> None:
        # The issuer names at most MAX_LISTS, so that any beyond are gone; their tokens are then refused as unknown.
        while len(self._lists) >= MAX_LISTS and self._gone_at:
            self._drop(next(iter(self._gone_at)))

    def _drop(self, uri: str) -> None:
        del self._lists[uri], self._gone_at[uri]
