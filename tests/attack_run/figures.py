"""What an attack may cost, and the judgement of what it did cost."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bounds:
    """The most that one kind of attack may cost."""

    refused: bool = True
    """Every request must be refused. False where a request may be valid in spite of an odd header."""
    stall_seconds: float = 1.5
    stored_bytes: int = 2 << 20
    peak_bytes: int = 24 << 20
    lines_per_request: float = 4.0


BOUNDS = {
    "compressed": Bounds(),
    "multipart": Bounds(),
    "json": Bounds(),
    "headers": Bounds(refused=False),
    "raw": Bounds(),
    "unfinished": Bounds(),
    "tokens": Bounds(),
    "urls": Bounds(),
    "secrets": Bounds(refused=False),
    "fuzz": Bounds(refused=False),
    "register-flood": Bounds(refused=False, stored_bytes=4 << 20),
    "authorize-flood": Bounds(refused=False, stored_bytes=4 << 20),
    "sign-in-flood": Bounds(),
}


@dataclass
class Figures:
    """What one kind of attack did."""

    tried: int = 0
    refused: int = 0
    faults: list[str] = field(default_factory=list)
    """Answers with 5xx."""
    accepted: list[str] = field(default_factory=list)
    stalls: dict[str, float] = field(default_factory=dict)
    stored_bytes: int = 0
    peak_bytes: int = 0
    """Growth of the largest resident memory of a service: an upper bound of what it unpacked at once."""
    cpu_seconds: float = 0.0
    lines: int = 0
    leaked: set[str] = field(default_factory=set)
    honest_failed: str = ""


def verdicts(figures: Figures, bounds: Bounds) -> list[str]:
    """Each bound that does not hold, in words."""
    found = [f"5xx: {fault}" for fault in figures.faults[:3]]
    if figures.tried == 0:
        found.append("no request was sent")
    if bounds.refused and figures.refused < figures.tried:
        found.append(f"{figures.tried - figures.refused} not refused, for example {figures.accepted[:2]}")
    found += [f"{name} stalled for {s:.2f} s" for name, s in figures.stalls.items() if s > bounds.stall_seconds]
    if figures.stored_bytes > bounds.stored_bytes:
        found.append(f"the store grew by {figures.stored_bytes} bytes")
    if figures.peak_bytes > bounds.peak_bytes:
        found.append(f"memory grew by {figures.peak_bytes} bytes")
    if figures.lines > bounds.lines_per_request * figures.tried + 50:
        found.append(f"{figures.lines} log lines for {figures.tried} requests")
    if figures.leaked:
        found.append(f"in the output: {', '.join(sorted(figures.leaked))}")
    if figures.honest_failed:
        found.append(figures.honest_failed)
    return found
