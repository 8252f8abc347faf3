"""Whether the store keeps what it is given: its persistence and eviction settings, in words for the operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    import structlog

    from shared.redis.client import RedisClient

_OLDEST_VERSION: Final = 7
_FULL: Final = 0.9
"""Share of `maxmemory` from which on it is time to say so."""


async def risks_of(store: RedisClient) -> list[str]:
    """What could lose grants, of every primary. Managed stores hide some of their configuration: then less is said.

    Raises RedisUnavailable.
    """
    answers = await store.ask_primaries("INFO")
    away = [answer for answer in answers if isinstance(answer, RedisUnavailable)]
    if len(away) == len(answers):
        raise away[0]
    risks = [f"a primary of the store does not answer ({exc.reason}): its grants are away with it." for exc in away]
    for info in answers:
        if isinstance(info, Mapping):
            risks += risks_in(info, fails_over=store.fails_over)
    if any(_setting(answer) == "no" for answer in await store.ask_primaries("CONFIG", "GET", "appendfsync")):
        risks.append(
            "the store leaves it to the system when its file reaches the disk (appendfsync no): a crash of the machine "
            "loses half a minute of grants. Set appendfsync always, or everysec."
        )
    return list(dict.fromkeys(risks))


def risks_in(info: Mapping[str, Any], *, fails_over: bool) -> list[str]:
    """What the INFO of one server tells. Pure."""
    return [
        *_version_risks(info),
        *_eviction_risks(info),
        *_persistence_risks(info),
        *_replication_risks(info, fails_over=fails_over),
    ]


def _version_risks(info: Mapping[str, Any]) -> list[str]:
    version = str(info.get("redis_version", _OLDEST_VERSION))
    number = version.partition(".")[0]
    if number.isdecimal() and int(number) < _OLDEST_VERSION:
        return [f"the store is Redis {version}, which lacks what is needed here. Take Redis 7.0 or Valkey, or later."]
    return []


def _eviction_risks(info: Mapping[str, Any]) -> list[str]:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return [
            f"the store evicts keys (maxmemory-policy {policy}): grants would vanish. Set maxmemory-policy noeviction."
        ]
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used > most * _FULL:
        return [f"the store's memory is {used / most:.0%} full: it will refuse to write. Raise maxmemory."]
    return []


def _persistence_risks(info: Mapping[str, Any]) -> list[str]:
    risks = []
    if not info.get("aof_enabled", 1):
        risks.append(
            "the store's append-only file is off: a crash loses grants and users. Set appendonly yes. Replicas do not "
            "stand in for it: a primary that comes back empty empties them."
        )
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        risks.append(
            f"the store could not write its files ({', '.join(failed)}): what happens now may be lost. "
            "Look at its disk and its log."
        )
    return risks


def _replication_risks(info: Mapping[str, Any], *, fails_over: bool) -> list[str]:
    if info.get("role") == "slave":
        return ["the URL leads to a replica, which refuses to write. Name the primary, or the Sentinels."]
    if fails_over and not info.get("connected_slaves", 1):
        return ["a primary of the store has no replica: when it is lost, its grants are. Give it one."]
    return []


def _setting(answer: object) -> str:
    """The one value that CONFIG GET tells; empty where the command is forbidden or hidden."""
    return str(next(iter(answer.values()), "")) if isinstance(answer, Mapping) else ""


async def warn_of_risks(store: RedisClient, log: structlog.typing.FilteringBoundLogger) -> None:
    """Log each risk once, at the start. A store that is away is no reason not to start: readiness tells of it."""
    try:
        risks = await risks_of(store)
    except RedisUnavailable:
        return
    for risk in risks:
        log.warning("store_at_risk", risk=risk)
