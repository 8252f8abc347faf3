"""The number of the format of the data in Redis: data of another format is refused, not misread.

The number changes with a change that an older or newer version would misread; records that only gain fields keep it
(invariant 11). Key: sp:{data}:format, a string, which never expires.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from shared.redis.client import RedisClient

NUMBER: Final = 3
"""The format that this version reads and writes."""

_KEY: Final = "sp:{data}:format"
_PREFIX: Final = "sp:"


class UnreadableData(Exception):
    """The data in Redis has another format. The text is for the operator."""


async def check_data_format(redis: RedisClient) -> None:
    """Write the number into an empty Redis, or compare it. Raises UnreadableData, RedisUnavailable.

    Replicas that start at once agree: one of them writes the number, before anything else is written.
    """
    found = await redis.command("GET", _KEY)
    if found is None:
        if not await _has_data(redis):
            await redis.command("SET", _KEY, NUMBER, "NX")
        found = await redis.command("GET", _KEY)
    if found is None:
        raise UnreadableData(
            "the data in Redis was written by a version before formats had numbers; this version reads format "
            f"{NUMBER}. Start with an empty Redis: users, clients and grants have to be made again."
        )
    if str(found) != str(NUMBER):
        raise UnreadableData(
            f"the data in Redis has format {found:.20}; this version reads format {NUMBER}. Run the version that wrote "
            "it, or start with an empty Redis."
        )


async def _has_data(redis: RedisClient) -> bool:
    async for _ in redis.scan(f"{_PREFIX}*"):
        return True
    return False
