"""Measurements of a process from outside: answers of `/livez`, processor time, memory, lines of its log."""

from __future__ import annotations

import http.client
import os
import threading
import time
from pathlib import Path

PAUSE_SECONDS = 0.02


class LivezWatch:
    """A thread that asks `/livez` again and again; `longest` is the slowest answer in seconds."""

    def __init__(self, port: int) -> None:
        self.longest = 0.0
        self._port = port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
            try:
                connection.request("GET", "/livez")
                if connection.getresponse().status != http.HTTPStatus.OK:
                    self.longest = float("inf")
            except (OSError, http.client.HTTPException):
                self.longest = float("inf")
            finally:
                connection.close()
            self.longest = max(self.longest, time.monotonic() - began)
            self._ended.wait(PAUSE_SECONDS)

    def stop(self) -> float:
        """End, and tell the longest."""
        self._ended.set()
        self._thread.join()
        return self.longest


def cpu_seconds(pid: int) -> float:
    """Processor time of the process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_bytes(pid: int) -> int:
    """The largest resident memory of the process so far."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024
