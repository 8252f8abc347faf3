"""Where refusals are kept for `explain`: one stream, bounded in length, oldest dropped first.

Key: sp:{refusals}:log   stream   request_id, at (milliseconds since 1970), and the members of Refused
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.redis.client import RedisClient

_LOG: Final = "sp:{refusals}:log"
MAX_REFUSALS: Final = 50_000
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class Refused:
    """One refused request, as the operator may know it. All text; `at_ms` in milliseconds since 1970."""

    request_id: str
    at_ms: str
    error_id: str
    reason: str
    error: str
    status: str
    method: str
    route: str
    client: str
    address: str


_MEMBERS: Final = tuple(f.name for f in fields(Refused))


class ErrorRepository:
    """Every method raises RedisUnavailable when the store is away."""

    def __init__(self, store: RedisClient, *, max_refusals: int = MAX_REFUSALS) -> None:
        self._store = store
        self._max_refusals = max_refusals

    async def append(self, refusals: Sequence[Refused]) -> None:
        """Append in one round trip; the oldest go beyond `max_refusals` (about)."""
        await self._store.pipeline(
            ("XADD", _LOG, "MAXLEN", "~", self._max_refusals, "*", *(x for m in asdict(r).items() for x in m))
            for r in refusals
        )

    async def find(self, request_id: str) -> Refused | None:
        """The refusal with this request_id, looked for from the newest backwards."""
        end = "+"
        while True:
            page = await self._store.command("XREVRANGE", _LOG, end, "-", "COUNT", _PAGE)
            for _, entry in page:
                if entry.get("request_id") == request_id:
                    return Refused(**{name: entry.get(name, "") for name in _MEMBERS})
            if len(page) < _PAGE:
                return None
            end = f"({page[-1][0]}"
