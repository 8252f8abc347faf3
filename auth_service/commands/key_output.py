"""The output of `keys`: the key table, and the progress of a rotation or revocation."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final, Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from auth_service.commands.console import format_time, printable
from auth_service.keys.lifecycle import RingKeyState, rotation_due_ms
from auth_service.keys.propagation import PropagationEvidence

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from auth_service.encryption import EncryptionKeys
    from auth_service.keys.lifecycle import Ring, RingKey, RotationPolicy
    from auth_service.keys.propagation import PropagationStatus

REPEAT_SECONDS: Final = 30.0
"""The seconds between two lines with the remaining time where standard error is no terminal."""


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
    """The verifiers for which a rotation waits, and the latest end of the wait."""
    deadline = format_time_of_day(status.deadline_ms)
    if status.evidence is PropagationEvidence.LAGGING:
        return f"Waiting for {', '.join(status.lagging)} to fetch the pending key, until {deadline} at the latest."
    cached = f"may cache a JWKS without the pending key until {deadline}."
    if status.unidentified_ms is None:
        return f"No replica, or more than are recorded, reported a key set. Verifiers {cached}"
    return f"{format_fetch(status.unidentified_ms, status.unidentified_client)} It {cached}"


def format_fetch(at_ms: int, client: str) -> str:
    """The last fetch of the JWKS by a client that did not identify itself."""
    # The client chose its User-Agent.
    who = f" ({printable(client)})" if client else ""
    return f"An unidentified client{who} fetched the JWKS at {format_time_of_day(at_ms)}."


def format_remaining(deadline_ms: int, now_ms: int) -> str:
    """The longest remaining wait of a rotation, and how to skip it, short enough for a narrow terminal."""
    minutes, seconds = divmod(max(0, -(-(deadline_ms - now_ms) // 1000)), 60)
    left = f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
    return f"{left} left. Ctrl-C is safe; --force does not wait."


def format_revocation(ring: Ring, kid: str) -> str:
    """The effects of revoking this key of the ring."""
    key = next(key for key in ring.keys if key.kid == kid)
    if key.state is RingKeyState.PENDING:
        return f"{kid} is pending and has signed nothing. Another key is published in its place."
    ended = "Every token that it signed is rejected at once; clients refresh theirs."
    if key.state is RingKeyState.ACTIVE:
        return f"{kid} is the active key. {ended} {ring.pending.kid} signs from then on."
    return f"{kid} is retiring. {ended}"


class KeyProgress:
    """A context manager that shows progress on standard error; nothing with `quiet`.

    Each new reason is a line of its own. The remaining time is, on a terminal, one line that is rewritten each second;
    elsewhere a line every REPEAT_SECONDS.
    """

    def __init__(self, *, quiet: bool, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._quiet = quiet
        self._monotonic = monotonic
        self._console = Console(stderr=True, soft_wrap=True, highlight=False)
        self._status: Status | None = None
        self._reason = ""
        self._remaining = ""
        self._printed_at = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _exc: BaseException | None, _tb: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, reason: str, remaining: str = "") -> None:
        """Show why the command waits, and how much longer."""
        if self._quiet:
            return
        is_new = reason != self._reason
        if is_new:
            self._reason = reason
            self._console.print(Text(reason))
        if remaining in {"", self._remaining}:
            return
        if not sys.stderr.isatty():
            if is_new or self._monotonic() - self._printed_at >= REPEAT_SECONDS:
                self._printed_at = self._monotonic()
                self._console.print(Text(remaining))
            return
        self._remaining = remaining
        if self._status is None:
            self._status = Status(Text(remaining), console=self._console)
            self._status.start()
        else:
            self._status.update(Text(remaining))


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
    if key.state is RingKeyState.RETIRING:
        return "is removed", key.remove_ms or 0
    if key.state is RingKeyState.ACTIVE:
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
