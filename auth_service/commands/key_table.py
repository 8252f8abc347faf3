"""The ring in words: how old each key is, and what happens to it next and when. Pure."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from auth_service.commands.console import as_time
from auth_service.keys.lifecycle import KeyState, rotation_due_ms

if TYPE_CHECKING:
    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring, RingKey
    from auth_service.keys.rotator import RotationPolicy


def key_rows(
    ring: Ring, *, policy: RotationPolicy, encryption_keys: EncryptionKeys, now_ms: int
) -> list[dict[str, Any]]:
    """One record per key; the times are RFC 3339 texts, `age` and `next` are for people."""
    return [_row(key, ring, policy, encryption_keys, now_ms) for key in ring.keys]


def moment(at_ms: int | None) -> str:
    """A time of day in UTC, with the date unless it is today."""
    seconds = (at_ms or 0) // 1000
    today = time.gmtime()[:3] == time.gmtime(seconds)[:3]
    return time.strftime("%H:%M:%S UTC" if today else "%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def _row(
    key: RingKey, ring: Ring, policy: RotationPolicy, encryption_keys: EncryptionKeys, now_ms: int
) -> dict[str, Any]:
    what, at_ms = _next(key, ring, policy)
    position = encryption_keys.position(key.sealed) if key.sealed else None
    return {
        "kid": key.kid,
        "state": key.state.value,
        "algorithm": key.algorithm,
        "age": _duration(now_ms - key.published_ms),
        "next": f"{what}, {moment(at_ms)}" if at_ms > now_ms else f"{what}, due now",
        "next_at": as_time(at_ms // 1000),
        "published_at": as_time(key.published_ms // 1000),
        "activated_at": None if key.activated_ms is None else as_time(key.activated_ms // 1000),
        "secret": _secret(key, position),
    }


def _next(key: RingKey, ring: Ring, policy: RotationPolicy) -> tuple[str, int]:
    due_ms = rotation_due_ms(ring, interval_ms=policy.interval_ms)
    if key.state is KeyState.RETIRING:
        return "leaves the set", key.remove_ms or 0
    if key.state is KeyState.ACTIVE:
        return "stops signing", due_ms
    if key.algorithm != policy.algorithm:
        return f"is replaced by one for {policy.algorithm}", due_ms
    return "begins to sign", max(due_ms, key.published_ms)


def _secret(key: RingKey, position: int | None) -> str:
    if key.sealed is None:
        return "none left"
    return "unknown" if position is None else ("first", "second", "third")[position] if position < 3 else "later"


def _duration(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
