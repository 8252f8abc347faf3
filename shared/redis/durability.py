"""Checks whether the configuration of Redis can lose data: persistence, eviction, replication, version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    import structlog

    from shared.redis.client import RedisClient

_OLDEST_VERSION: Final = 7
_NEARLY_FULL: Final = 0.9
"""Share of `maxmemory` that is worth a warning."""


async def find_configuration_warnings(redis: RedisClient) -> list[str]:
    """Warnings about the configuration of each primary. Managed Redis services hide some of it; that is skipped.

    Raises RedisUnavailable.
    """
    answers = await redis.command_on_primaries("INFO")
    unreachable = [answer for answer in answers if isinstance(answer, RedisUnavailable)]
    if len(unreachable) == len(answers):
        raise unreachable[0]
    warnings = [
        f"a primary of the store does not answer ({exc.reason}): its grants are unavailable." for exc in unreachable
    ]
    for info in answers:
        if isinstance(info, Mapping):
            warnings += warnings_from_info(info, fails_over=redis.fails_over)
    if any(_setting(answer) == "no" for answer in await redis.command_on_primaries("CONFIG", "GET", "appendfsync")):
        warnings.append(
            "the operating system decides when the store's file reaches the disk (appendfsync no): a crash of the "
            "machine loses up to half a minute of grants. Set appendfsync always, or everysec."
        )
    return list(dict.fromkeys(warnings))


def warnings_from_info(info: Mapping[str, Any], *, fails_over: bool) -> list[str]:
    """Warnings from the INFO of one server. Pure."""
    return [
        *_version_warnings(info),
        *_eviction_warnings(info),
        *_persistence_warnings(info),
        *_replication_warnings(info, fails_over=fails_over),
    ]


def _version_warnings(info: Mapping[str, Any]) -> list[str]:
    version = str(info.get("redis_version", _OLDEST_VERSION))
    number = version.partition(".")[0]
    if number.isdecimal() and int(number) < _OLDEST_VERSION:
        return [f"the store is Redis {version}, which lacks required commands. Use Redis 7.0 or Valkey, or later."]
    return []


def _eviction_warnings(info: Mapping[str, Any]) -> list[str]:
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return [
            f"the store evicts keys (maxmemory-policy {policy}): grants would be lost. Set maxmemory-policy noeviction."
        ]
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    if most and used > most * _NEARLY_FULL:
        return [f"the store's memory is {used / most:.0%} full: it will refuse to write. Raise maxmemory."]
    return []


def _persistence_warnings(info: Mapping[str, Any]) -> list[str]:
    warnings = []
    if not info.get("aof_enabled", 1):
        warnings.append(
            "the store's append-only file is off: a crash loses grants and users. Set appendonly yes. Replicas do not "
            "replace it: a primary that restarts empty empties them."
        )
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        warnings.append(
            f"the store could not write its files ({', '.join(failed)}): new data may be lost. Check its disk and log."
        )
    return warnings


def _replication_warnings(info: Mapping[str, Any], *, fails_over: bool) -> list[str]:
    if info.get("role") == "slave":
        return ["the URL leads to a replica, which refuses writes. Use the URL of the primary or the Sentinels."]
    if fails_over and not info.get("connected_slaves", 1):
        return ["a primary of the store has no replica: its grants are lost if it fails. Add a replica."]
    return []


def _setting(answer: object) -> str:
    """The value in an answer to CONFIG GET; empty if the command is forbidden or hidden."""
    return str(next(iter(answer.values()), "")) if isinstance(answer, Mapping) else ""


async def log_configuration_warnings(redis: RedisClient, log: structlog.typing.FilteringBoundLogger) -> None:
    """Log each warning once, at start. An unreachable server does not prevent the start: readiness reports it."""
    try:
        warnings = await find_configuration_warnings(redis)
    except RedisUnavailable:
        return
    for warning in warnings:
        log.warning("redis_configuration_warning", warning=warning)
