"""The output of `keys`: the key table, and the progress of a rotation or revocation."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from auth_service.commands.console import format_time
from auth_service.keys.lifecycle import KeyState, rotation_due_ms
from auth_service.keys.propagation import PropagationEvidence

if TYPE_CHECKING:
    from types import TracebackType

    from auth_service.key_encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring, RingKey, RotationPolicy
    from auth_service.keys.propagation import PropagationStatus


def key_rows(
    ring: Ring, *, policy: RotationPolicy, encryption_keys: EncryptionKeys, now_ms: int
) -> list[dict[str, Any]]:
    """One record per key. Times are RFC 3339 texts; `age` and `next` are for the table."""
    return [_row(key, ring, policy, encryption_keys, now_ms) for key in ring.keys]


def format_time_of_day(at_ms: int | None) -> str:
    """A time of day in UTC, with the date unless it is today."""
    seconds = (at_ms or 0) // 1000
    today = time.gmtime()[:3] == time.gmtime(seconds)[:3]
    return time.strftime("%H:%M:%S UTC" if today else "%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def format_status(status: PropagationStatus) -> str:
    """What a rotation waits for."""
    deadline = format_time_of_day(status.deadline_ms)
    if status.evidence is PropagationEvidence.LAGGING:
        return f"Waiting for {', '.join(status.lagging)} to fetch the pending key, until {deadline} at the latest."
    cached = f"may cache the old key set until {deadline}; waiting."
    if status.unidentified_ms is None:
        return f"No replica, or more than are recorded, reported a key set. Verifiers {cached}"
    fetched = format_time_of_day(status.unidentified_ms)
    return f"An unidentified client fetched the JWKS at {fetched}. It {cached}"


class KeyProgress:
    """A context manager that shows progress on standard error; nothing with `quiet`.

    On a terminal it updates one line; elsewhere it prints a line for each change.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._status: Status | None = None
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, text: str) -> None:
        """Show this text, unless it is shown already."""
        if self._quiet or text == self._shown:
            return
        self._shown = text
        if not sys.stderr.isatty():
            self._console.print(Text(text))
        elif self._status is None:
            self._status = Status(Text(text), console=self._console)
            self._status.start()
        else:
            self._status.update(Text(text))


def _row(
    key: RingKey, ring: Ring, policy: RotationPolicy, encryption_keys: EncryptionKeys, now_ms: int
) -> dict[str, Any]:
    step, at_ms = _next_step(key, ring, policy)
    position = encryption_keys.position(key.encrypted_private) if key.encrypted_private else None
    return {
        "kid": key.kid,
        "state": key.state.value,
        "algorithm": key.algorithm,
        "age": _format_duration(now_ms - key.published_ms),
        "next": f"{step}, {format_time_of_day(at_ms)}" if at_ms > now_ms else f"{step}, due now",
        "next_at": format_time(at_ms // 1000),
        "published_at": format_time(key.published_ms // 1000),
        "activated_at": None if key.activated_ms is None else format_time(key.activated_ms // 1000),
        "secret": _format_secret(key, position),
    }


def _next_step(key: RingKey, ring: Ring, policy: RotationPolicy) -> tuple[str, int]:
    due_ms = rotation_due_ms(ring, interval_ms=policy.interval_ms)
    if key.state is KeyState.RETIRING:
        return "is removed", key.remove_ms or 0
    if key.state is KeyState.ACTIVE:
        return "stops signing", due_ms
    if key.algorithm != policy.algorithm:
        return f"is replaced by one for {policy.algorithm}", due_ms
    return "begins to sign", max(due_ms, key.published_ms)


def _format_secret(key: RingKey, position: int | None) -> str:
    if key.encrypted_private is None:
        return "none left"
    return "unknown" if position is None else ("first", "second", "third")[position] if position < 3 else "later"


def _format_duration(milliseconds: int) -> str:
    seconds = max(0, milliseconds // 1000)
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
