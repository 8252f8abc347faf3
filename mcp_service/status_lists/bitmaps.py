"""The bitmaps of the status lists in memory: bounded, and never those of an older list (invariant 12).

A list of a feed that comes with fewer bits than before was restored from an old copy, or comes from a replica that lost
a write: what was revoked stays revoked. A list that the issuer no longer names is kept until the last token that may
name it has expired.

A list by its address may lift a suspension: the one that was issued last counts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from mcp_service.status_lists.feed import MAX_LISTS
from shared.access_tokens.profile import MAX_LIFETIME_SECONDS
from shared.jose.jws import InvalidToken

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from mcp_service.status_lists.list_token import StatusList

KEPT_SECONDS: Final = MAX_LIFETIME_SECONDS + 60
"""How long a list that the issuer no longer names is kept, a leeway for clocks included."""


class StatusBitmaps:
    """One bitmap per list, by the list's address, in the dictionary that the verifier reads."""

    def __init__(self, lists: dict[str, bytearray]) -> None:
        self._lists = lists
        self._gone_at: dict[str, float] = {}
        self._issued_at: dict[str, int] = {}

    def merge(self, status_list: StatusList) -> bool:
        """Add the bits of one list that the issuer names; tell whether any was not set before."""
        held = self._lists.get(status_list.uri)
        if held is None:
            self._make_room()
            self._lists[status_list.uri] = bytearray(status_list.bits)
            return any(status_list.bits)
        before = int.from_bytes(held, "little")
        after = before | int.from_bytes(status_list.bits, "little")
        # In place: the verifier may hold the array.
        held[:] = after.to_bytes(max(len(held), len(status_list.bits)), "little")
        return after != before

    def follow(self, status_list: StatusList) -> bool:
        """Take the bits of a list, if it was not issued before the one held; tell whether any token lost its entry.

        Raises InvalidToken for an older one: a copy in some cache, or one that was sent again.
        """
        uri, issued_at = status_list.uri, status_list.issued_at
        held, held_issued_at = self._lists.get(uri), self._issued_at.get(uri, issued_at)
        if issued_at < held_issued_at:
            raise InvalidToken("iat", f"the list was issued {held_issued_at - issued_at} s before the one held")
        self._issued_at[uri] = issued_at
        if held is None or issued_at == held_issued_at:
            # Which of two lists of one second is the later cannot be told.
            return self.merge(status_list)
        before, after = (int.from_bytes(bits, "little") for bits in (held, status_list.bits))
        is_shorter = len(status_list.bits) < len(held)
        held[:] = status_list.bits
        return is_shorter or after & ~before != 0

    def keep(self, named: AbstractSet[str], now: float) -> None:
        """Drop the lists that the issuer has not named for KEPT_SECONDS. `now` is of a monotonic clock."""
        for uri in list(self._lists):
            if uri in named:
                self._gone_at.pop(uri, None)
            elif now >= self._gone_at.setdefault(uri, now) + KEPT_SECONDS:
                self.drop(uri)

    def drop(self, uri: str) -> None:
        """Forget a list; its tokens are then refused as those of a list that is not held."""
        del self._lists[uri]
        self._gone_at.pop(uri, None)
        self._issued_at.pop(uri, None)

    def _make_room(self) -> None:
        # The issuer names at most MAX_LISTS, so that any beyond are gone.
        while len(self._lists) >= MAX_LISTS and self._gone_at:
            self.drop(next(iter(self._gone_at)))
