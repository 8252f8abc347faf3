"""Whether the store keeps what it is given: its persistence and eviction settings, in words for the operator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import StoreUnavailable

if TYPE_CHECKING:
    import structlog

    from shared.store import Store


async def risks_of(store: Store) -> list[str]:
    """What could lose grants. Managed stores hide their configuration: then there is nothing to say.

    Raises StoreUnavailable.
    """
    await store.command("PING")
    info = await store.command("INFO")
    risks = []
    if info.get("maxmemory_policy", "noeviction") != "noeviction":
        risks.append(
            f"the store evicts keys (maxmemory-policy {info['maxmemory_policy']}): grants would vanish. "
            "Set maxmemory-policy noeviction."
        )
    if not info.get("aof_enabled", 1):
        risks.append(
            "the store's append-only file is off: a crash loses grants and users. Set appendonly yes, "
            "unless replicas keep the data."
        )
    return risks


async def warn_of_risks(store: Store, log: structlog.typing.FilteringBoundLogger) -> None:
    """Log each risk once, at the start. A store that is away is no reason not to start: readiness tells of it."""
    try:
        risks = await risks_of(store)
    except StoreUnavailable:
        return
    for risk in risks:
        log.warning("store_at_risk", risk=risk)
