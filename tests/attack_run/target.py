"""The target of the attacks: a pair of services of this run, or one that is running already on this machine."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import redis

from tests.attack_run.used_secrets import UsedSecrets
from tests.attack_run.watch import cpu_seconds, peak_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.attack_run.figures import Figures
    from tests.e2e.pair import Pair

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass
class Target:
    """Addresses of both services, a user, and of a pair of this run the processes and the store."""

    issuer: str
    resource: str
    username: str = ""
    password: str = ""
    pids: tuple[int, ...] = ()
    logs: tuple[Path, ...] = ()
    store_url: str = ""
    nameserver: str = ""
    secrets: UsedSecrets = field(default_factory=UsedSecrets)

    def __post_init__(self) -> None:
        """Raise ValueError for an address of another machine."""
        self.ports = {"auth": _port(self.issuer), "mcp": _port(self.resource)}
        self.secrets.add("password", self.password)

    @classmethod
    def of(cls, pair: Pair, *, has_logs: bool = True) -> Self:
        """The first replica of each service."""
        services = (pair.auth[0], pair.mcp[0])
        return cls(
            pair.issuer,
            pair.resource,
            pair.username,
            pair.password,
            pids=tuple(service.pid or 0 for service in services),
            logs=tuple(service.log for service in services if service.log is not None) if has_logs else (),
            store_url=f"{pair.store.url}?db=0",
        )

    @contextmanager
    def measured(self, figures: Figures) -> Iterator[None]:
        """Measure processes, store and output while the attack is played."""
        written = [path.stat().st_size for path in self.logs]
        if not self.pids:
            yield
            return
        with redis.Redis.from_url(self.store_url) as store:
            stored = int(store.info("memory")["used_memory"])
            cpu, peaks = self._cpu(), [peak_bytes(pid) for pid in self.pids]
            yield
            figures.cpu_seconds = self._cpu() - cpu
            figures.peak_bytes = max(peak_bytes(pid) - peak for pid, peak in zip(self.pids, peaks, strict=True))
            figures.stored_bytes = int(store.info("memory")["used_memory"]) - stored
        if self.logs:
            output = "".join(_rest(path, start) for path, start in zip(self.logs, written, strict=True))
            # The polls of /livez are not logged at the default level.
            figures.lines, figures.leaked["the output"] = output.count("\n"), self.secrets.found_in(output)

    def _cpu(self) -> float:
        return sum(cpu_seconds(pid) for pid in self.pids)


def _rest(path: Path, start: int) -> str:
    with path.open("rb") as file:
        file.seek(start)
        return file.read().decode(errors="replace")


def _port(url: str) -> int:
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in LOOPBACK or not parts.port:
        raise ValueError(f"{url} is not http://localhost:PORT: attacks are sent to this machine only")
    return parts.port
