"""A supervisor of background tasks with a registry of its own."""

import structlog
from prometheus_client import CollectorRegistry

from shared.background import TaskSupervisor


def new_supervisor(*, first_pause_seconds: float = 0.001) -> TaskSupervisor:
    return TaskSupervisor(CollectorRegistry(), structlog.get_logger(), first_pause_seconds=first_pause_seconds)
