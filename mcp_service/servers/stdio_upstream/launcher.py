"""Runs one command and ends all its descendants: `launcher.py CONTROL_FD MEMORY_BYTES GRACE_SECONDS COMMAND…`.

A process of its own between the guard and the command, because only the parent of a process learns of its orphans, and
because the guard, which has threads, can run no Python between fork and exec. It imports nothing but
the standard library. When CONTROL_FD ends, which happens also when the guard is killed, the process group gets SIGTERM,
and after the grace SIGKILL. When the command exits, what it left behind gets SIGKILL. On Linux this includes processes
that moved to another session (PR_SET_CHILD_SUBREAPER); elsewhere only the process group is ended.

The exit code is that of the command, 128 + n after signal n, 127 if it cannot be executed.
"""

from __future__ import annotations

import ctypes
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_SWEEP_SECONDS = 5.0
KILL_NOW = b"k"
"""Written to CONTROL_FD: end without a grace."""


def main(arguments: list[str]) -> int:
    """Run the command until it has ended and nothing of it is left."""
    control, memory_bytes, grace = int(arguments[0]), int(arguments[1]), float(arguments[2])
    command = arguments[3:]
    os.set_inheritable(control, False)
    is_linux = sys.platform == "linux"
    if is_linux:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    wake, wake_end = os.pipe()
    os.set_blocking(wake_end, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake_end, warn_on_full_buffer=False)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _noted)
    launcher = os.getpid()
    child = os.fork()
    if child == 0:
        _execute(command, memory_bytes, launcher=launcher)
    # The command alone holds its pipes: their end is the end of the command.
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    status = _watch(child, control, wake, grace)
    _sweep(child)
    return status if status is not None else 128 + signal.SIGKILL


def _execute(command: list[str], memory_bytes: int, *, launcher: int) -> None:
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if sys.platform == "linux":
            # The launcher itself may be killed.
            _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != launcher:
                os._exit(127)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if memory_bytes:
            # Not RLIMIT_AS: JavaScript engines reserve address space of many gigabytes that they never touch.
            resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
        os.execvp(command[0], command)  # noqa: S606 - the point of this program; no shell is involved
    except (OSError, ValueError) as exc:
        os.write(2, f"{command[0]} cannot be executed: {exc}\n".encode(errors="replace"))
    os._exit(127)


def _watch(child: int, control: int, wake: int, grace: float) -> int | None:
    """Wait for the end of the command. None if it was told to end and did not within the grace."""
    poll = select.poll()
    poll.register(control, select.POLLIN)
    poll.register(wake, select.POLLIN)
    deadline: float | None = None
    while True:
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic()) * 1000
        events = dict(poll.poll(timeout))
        status = _reaped(child)
        if status is not None:
            return status
        if deadline is not None and time.monotonic() >= deadline:
            return None
        is_told = bool(
            {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}.intersection(_read(wake) if wake in events else b"")
        )
        if control in events:
            said = os.read(control, 1)
            poll.unregister(control)
            if said == KILL_NOW:
                return None
            is_told = True
        if is_told and deadline is None:
            deadline = time.monotonic() + grace
            # The launcher is in this group too, and only notes the signal.
            os.killpg(0, signal.SIGTERM)


def _read(wake: int) -> bytes:
    try:
        return os.read(wake, 4096)
    except BlockingIOError:
        return b""


def _reaped(child: int) -> int | None:
    """Reap the processes that have ended; the exit code of the command if it is one of them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code


def _sweep(child: int) -> None:
    """Kill what is left. Orphans become children of this process, generation by generation."""
    if not Path("/proc/self").is_dir():
        os.killpg(0, signal.SIGKILL)
    deadline = time.monotonic() + _SWEEP_SECONDS
    while time.monotonic() < deadline:
        for pid in _own_children():
            _kill(pid)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.005)
    _kill(child)


def _own_children() -> list[int]:
    own = str(os.getpid()).encode()
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program is in parentheses and may hold anything, parentheses included.
            fields = stat.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if len(fields) > 1 and fields[1] == own:
            found.append(int(stat.parent.name))
    return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except OSError:
        return


def _prctl(option: int, value: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def _noted(_number: int, _frame: object) -> None:
    """Do nothing: the wake-up descriptor gets the signal's number, but only if the signal has a handler."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
