"""Bounds and figures of an attack, and the bounds that its figures exceed."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Bounds:
    """The most that one kind of attack may cost."""

    refusals: frozenset[int]
    """The statuses that refuse. 0 is a connection that the service ended; None of them is a time-out."""
    burst: int = 0
    """So many requests may be accepted at once. 0: every request that must be refused is."""
    per_second: float = 0.0
    """Number of requests more that may be accepted in a second."""
    stall_seconds: float = 1.5
    stored_bytes: int = 2 << 20
    peak_bytes: int = 24 << 20
    lines_per_request: float = 4.0


@dataclass
class Figures:
    """The figures of one kind of attack. None is a figure that needs access to the processes."""

    tried: int = 0
    refused: int = 0
    optional: int = 0
    """Accepted requests that may be valid: no bound counts them."""
    accepted: list[str] = field(default_factory=list)
    """Requests that were not refused, with the status of the answer."""
    accepted_seconds: float = 0.0
    """From the start to the last answer that accepts."""
    faults: list[str] = field(default_factory=list)
    """Answers with 5xx."""
    unanswered: list[str] = field(default_factory=list)
    """Requests whose connection the service neither answered nor ended."""
    stalls: dict[str, float] = field(default_factory=dict)
    stored_bytes: int | None = None
    peak_bytes: int | None = None
    """Growth of the largest resident memory of a service: an upper bound of what it unpacked at once."""
    cpu_seconds: float | None = None
    lines: int | None = None
    leaked: dict[str, set[str]] = field(default_factory=dict)
    """Names of secrets, by where they were found."""
    honest_failed: str = ""


def allowed(figures: Figures, bounds: Bounds) -> int:
    """Number of requests that may have been accepted until the last one was."""
    return bounds.burst + int(bounds.per_second * figures.accepted_seconds)


def verdicts(figures: Figures, bounds: Bounds) -> list[str]:
    """Each bound that does not hold, in words."""
    found = [f"5xx: {fault}" for fault in figures.faults[:3]]
    if figures.tried == figures.optional:
        found.append("no request was sent that must be refused")
    if (most := allowed(figures, bounds)) < len(figures.accepted):
        found.append(f"{len(figures.accepted)} not refused, at most {most} may be: {figures.accepted[-2:]}")
    if figures.unanswered:
        found.append(f"{len(figures.unanswered)} neither answered nor ended: {figures.unanswered[:2]}")
    found += [f"{name} stalled for {s:.2f} s" for name, s in figures.stalls.items() if s > bounds.stall_seconds]
    if (figures.stored_bytes or 0) > bounds.stored_bytes:
        found.append(f"the store grew by {figures.stored_bytes} bytes")
    if (figures.peak_bytes or 0) > bounds.peak_bytes:
        found.append(f"memory grew by {figures.peak_bytes} bytes")
    if (figures.lines or 0) > bounds.lines_per_request * figures.tried + 50:
        found.append(f"{figures.lines} log lines for {figures.tried} requests")
    found += [f"in {where}: {', '.join(sorted(names))}" for where, names in figures.leaked.items() if names]
    if figures.honest_failed:
        found.append(figures.honest_failed)
    return found


HEAD = (
    "kind            logs      tried  refused accepted auth(ms)  mcp(ms) store(KiB) peak(KiB) cpu(s)  5xx  lines leaks"
)


def row(kind: str, log_format: str, figures: Figures) -> str:
    """One line of the table."""
    stored, peak = (_cell(n and n / 1024, ".0f") for n in (figures.stored_bytes, figures.peak_bytes))
    return (
        f"{kind:15} {log_format:8} {figures.tried:6} {figures.refused:8}"
        f" {figures.optional + len(figures.accepted):8}"
        f" {figures.stalls['auth'] * 1000:8.0f} {figures.stalls['mcp'] * 1000:8.0f} {stored:>10} {peak:>9}"
        f" {_cell(figures.cpu_seconds, '.1f'):>6} {len(figures.faults):4} {_cell(figures.lines, 'd'):>6}"
        f" {sum(len(names) for names in figures.leaked.values()):5}"
    )


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
