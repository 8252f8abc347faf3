"""The input of every package's wiring: the settings, and the resources that exist once per process."""

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
    """One per process, built by app.py. Only wiring modules read it; other objects receive named dependencies."""

    settings: AuthSettings
    redis: RedisClient
    registry: CollectorRegistry
    log: structlog.typing.FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds since 1970, for times that are stored, signed or compared with other machines."""
    monotonic: Callable[[], float]
    """Seconds that never go back, for times that only this process compares."""
