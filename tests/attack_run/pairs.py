"""The pairs that a run starts: open, limited behind a proxy, or with a standard error that nothing reads."""

from __future__ import annotations

import fcntl
import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from tests.attack_run.target import Target
from tests.e2e.pair import Pair
from tests.support.local_dns import LocalDns

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from devstack.service_process import ServiceProcess

SMALLEST_PIPE = 4096
LOOPBACK = "127.0.0.0/8,::1/128"
WITH_NAMESERVER = """
import runpy, sys, aiodns
real = aiodns.DNSResolver
aiodns.DNSResolver = lambda **options: real(**options | {{"nameservers": [{nameserver!r}]}})
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""
"""No setting names the servers of resolv.conf."""


class SlowNamesPair(Pair):
    """auth_service asks this name server."""

    def __init__(self, nameserver: str, own: Mapping[str, str]) -> None:
        self._nameserver = nameserver
        super().__init__(own=own)

    def _process(self, module: str, number: int, environment: Mapping[str, str], port: int) -> ServiceProcess:
        process = super()._process(module, number, environment, port)
        process._arguments = ("-c", WITH_NAMESERVER.format(nameserver=self._nameserver), module, "serve")
        return process


@asynccontextmanager
async def running_pair(form: str, log_format: str) -> AsyncIterator[Target]:
    """Start a pair of this form."""
    own = {f"{prefix}_LOG_FORMAT": log_format for prefix in ("AUTH", "MCP")}
    limits = "on" if form == "limited" else "off"
    own |= {f"{prefix}_RATE_LIMITS": limits for prefix in ("AUTH", "MCP")}
    if form == "limited":
        own |= {f"{prefix}_TRUSTED_PROXIES": LOOPBACK for prefix in ("AUTH", "MCP")}
        # The document of the honest client is on this machine.
        own["AUTH_CIMD_LOOPBACK"] = "true"
    async with LocalDns(silent="slow-") as dns:
        pair = SlowNamesPair(dns.nameserver, own)
        pipes = []
        try:
            if form == "unread":
                pipes = [_pipe(pair.auth[0]), _pipe(pair.mcp[0])]
            await pair.start()
            yield Target.of(pair, has_logs=not pipes)
        finally:
            await pair.close()
            for pipe in pipes:
                os.close(pipe)


def _pipe(service: ServiceProcess) -> int:
    """A named pipe in the place of the log file, with the smallest buffer there is. Nothing reads it."""
    assert service.log is not None
    os.mkfifo(service.log)
    end = os.open(service.log, os.O_RDONLY | os.O_NONBLOCK)
    fcntl.fcntl(end, fcntl.F_SETPIPE_SZ, SMALLEST_PIPE)
    return end
