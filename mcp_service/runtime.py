"""The settings and the process-wide objects from which each package's wiring builds its components."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog
    from prometheus_client import CollectorRegistry

    from mcp_service.settings import McpSettings


@dataclass(frozen=True, slots=True)
class Runtime:
    """One per process, built by app.py. Only wiring modules read it; they pass each object its dependencies by name."""

    settings: McpSettings
    registry: CollectorRegistry
    log: structlog.typing.FilteringBoundLogger
    clock: Callable[[], float]
    """Seconds since 1970."""
    monotonic: Callable[[], float]
    """Seconds of a clock that never goes back."""
