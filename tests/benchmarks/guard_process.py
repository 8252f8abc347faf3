"""mcp_service as it is run in production, for benchmarks."""

from __future__ import annotations

import os
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devstack.service_process import ServiceProcess
from tests.benchmarks.harness import UNLIMITED
from tests.support.free_ports import free_port
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

RESOURCE: Final = "http://localhost:9001/mcp"
_HOST: Final = "127.0.0.1"


@asynccontextmanager
async def local_issuer() -> AsyncIterator[tuple[LocalIssuer, LocalTokenIssuer]]:
    """An issuer in this process, which holds long polls, and what makes its tokens for RESOURCE."""
    key = new_key()
    issuer = LocalIssuer()
    issuer.holds_back = True
    await issuer.publish(key)
    await issuer.start()
    try:
        yield issuer, LocalTokenIssuer(issuer=issuer.url, resource=RESOURCE, key=key)
    finally:
        await issuer.stop()


@asynccontextmanager
async def guard_process(issuer: LocalIssuer, own: Mapping[str, str]) -> AsyncIterator[ServiceProcess]:
    """Start it with these settings of its own, a quiet log and no rate limits, and end it afterwards."""
    with tempfile.TemporaryDirectory(prefix="sp-") as directory:
        port = free_port((_HOST,))
        settings = {
            **UNLIMITED,
            "MCP_ISSUER": issuer.url,
            "MCP_RESOURCE": RESOURCE,
            "MCP_LOG_LEVEL": "warning",
            "MCP_PORT": str(port),
            **own,
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("MCP_")}
        service = ServiceProcess(
            "mcp_service",
            ["-m", "mcp_service", "serve"],
            {**inherited, **settings},
            host=_HOST,
            port=port,
            log=Path(directory) / "log",
        )
        await service.start()
        try:
            yield service
        finally:
            await service.stop()
