"""The readiness checks of auth_service: the store is reachable, a signing key is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import ServiceUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.redis.client import RedisClient


class CanSign(Protocol):
    """Something that signs."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if nothing can be signed now."""


def redis_check(redis: RedisClient) -> Callable[[], Awaitable[Readiness]]:
    """Ready while at least one primary answers: a replica that reaches one shard of a cluster goes on serving it."""

    async def check() -> Readiness:
        answers = await redis.command_on_primaries("PING")
        away = [answer for answer in answers if isinstance(answer, ServiceUnavailable)]
        ready = len(away) < len(answers)
        note = f"{len(away)} of {len(answers)} primaries away" if ready else away[0].error_id
        return Readiness(ready=ready, note=note if away else "")

    return check


def signing_check(signer: CanSign) -> Callable[[], Awaitable[Readiness]]:
    """Ready while the signer is."""

    async def check() -> Readiness:
        try:
            signer.ready()
        except ServiceUnavailable as exc:
            return Readiness(ready=False, note=exc.error_id)
        return Readiness(ready=True)

    return check
