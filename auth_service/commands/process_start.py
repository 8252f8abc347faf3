"""When this process was started: before it had read any code, on systems that tell."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

SLOWEST_START_SECONDS: Final = 30.0


def process_started_ms() -> int:
    """Milliseconds since 1970; the present moment where the system does not tell.

    Loading takes longer than a rotation. Two commands given at one moment would else be two rotations, whenever one
    of them loads more slowly.
    """
    now_ms = int(time.time() * 1000)
    try:
        # proc(5): the name in parentheses may hold anything; starttime is the 20th field after it, in clock ticks.
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        age_seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, AttributeError, ValueError, IndexError):
        return now_ms
    # A sandbox that makes the numbers up must not let a rotation of long ago count for this command.
    return now_ms - int(age_seconds * 1000) if 0 <= age_seconds <= SLOWEST_START_SECONDS else now_ms
