"""auth_service that never signs in a thread, the yardstick of bench_threads.py: it takes the machine for one core.

Run like auth_service: `python -m tests.benchmarks.signing_inline serve`.
"""

from __future__ import annotations

from unittest.mock import patch

from auth_service.commands.app import app

if __name__ == "__main__":
    with patch("auth_service.keys.wiring.usable_cores", lambda: 1):
        app(prog_name="auth_service that signs inline")
