"""What every package's wiring is built from: the settings and the resources that one process has once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog
    from prometheus_client import CollectorRegistry

    from auth_service.settings import AuthSettings
    from shared.redis.client import RedisClient


@dataclass(frozen=True, slots=True)
class Runtime:
    """One per process, built by app.py. Only wiring modules read it; other objects get what they need by name."""

    settings: AuthSettings
    redis: RedisClient
    registry: CollectorRegistry
    log: structlog.typing.FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds since 1970."""
