"""The readiness checks of auth_service: Redis is reachable, a signing key is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from shared.errors import ServiceUnavailable
from shared.http.health import Readiness

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from shared.redis.client import RedisClient


class CanSign(Protocol):
    """A component that signs tokens."""

    def ready(self) -> None:
        """Raise ServiceUnavailable if it cannot sign now."""


def redis_check(redis: RedisClient) -> Callable[[], Awaitable[Readiness]]:
    """Ready while at least one primary answers: a replica that reaches one shard of a cluster keeps serving it."""

    async def check() -> Readiness:
        answers = await redis.command_on_primaries("PING")
        failed = [answer for answer in answers if isinstance(answer, ServiceUnavailable)]
        ready = len(failed) < len(answers)
        note = f"{len(failed)} of {len(answers)} primaries unreachable" if ready else failed[0].error_id
        return Readiness(ready=ready, note=note if failed else "")

    return check


def signing_check(signer: CanSign) -> Callable[[], Awaitable[Readiness]]:
    """Ready while the signer can sign."""

    async def check() -> Readiness:
        try:
            signer.ready()
        except ServiceUnavailable as exc:
            return Readiness(ready=False, note=exc.error_id)
        return Readiness(ready=True)

    return check
