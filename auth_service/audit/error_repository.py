"""The error log in Redis, read by `explain`: one stream of bounded length, oldest entries dropped first.

Key: sp:{errors}:log   stream   the members of LoggedError
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.redis.client import RedisClient

_LOG: Final = "sp:{errors}:log"
MAX_ERRORS: Final = 50_000
_PAGE: Final = 1000


@dataclass(frozen=True, slots=True)
class LoggedError:
    """One request that was answered with an error. All members are text; `at_ms` in milliseconds since 1970."""

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


_MEMBERS: Final = tuple(f.name for f in fields(LoggedError))


class ErrorRepository:
    """Every method raises RedisUnavailable."""

    def __init__(self, redis: RedisClient, *, max_errors: int = MAX_ERRORS) -> None:
        self._redis = redis
        self._max_errors = max_errors

    async def append(self, errors: Sequence[LoggedError]) -> None:
        """Append errors in one round trip; the oldest beyond about `max_errors` are dropped."""
        await self._redis.pipeline(
            ("XADD", _LOG, "MAXLEN", "~", self._max_errors, "*", *(x for m in asdict(e).items() for x in m))
            for e in errors
        )

    async def find(self, request_id: str) -> LoggedError | None:
        """The error of this request. The search starts at the newest entry."""
        end = "+"
        while True:
            page = await self._redis.command("XREVRANGE", _LOG, end, "-", "COUNT", _PAGE)
            for _, entry in page:
                if entry.get("request_id") == request_id:
                    return LoggedError(**{name: entry.get(name, "") for name in _MEMBERS})
            if len(page) < _PAGE:
                return None
            end = f"({page[-1][0]}"
