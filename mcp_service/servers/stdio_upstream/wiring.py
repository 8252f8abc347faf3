"""Builds the server of MCP_UPSTREAM_COMMAND."""

from __future__ import annotations

import os
from collections.abc import Hashable
from typing import TYPE_CHECKING

from mcp_service.servers.stdio_upstream.command import Command
from mcp_service.servers.stdio_upstream.pool import PoolLimits, ProcessMetrics, ProcessPool
from mcp_service.servers.stdio_upstream.process import CommandProcess
from mcp_service.servers.stdio_upstream.proxy import proxy_application
from mcp_service.servers.stdio_upstream.server import StdioServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp_service.guard.wiring import GuardComponents
    from mcp_service.runtime import Runtime
    from mcp_service.servers.list_policy import ListPolicy


def configure_stdio_server(
    runtime: Runtime, text: str, *, lists: Callable[[GuardComponents], ListPolicy]
) -> Callable[[GuardComponents], StdioServer]:
    """Check the command `text`; return what builds its server. Raises Misconfigured.

    `lists` makes the policy of its lists.
    """
    settings = runtime.settings
    command = Command.from_text(
        text,
        passed=settings.upstream_environment,
        memory_bytes=settings.upstream_memory_mb << 20,
        environment=os.environ,
    )

    def build(guard: GuardComponents) -> StdioServer:
        metrics = ProcessMetrics(runtime.registry)

        async def start_process(key: Hashable) -> CommandProcess:
            # A process of one user gets the user's identity; a shared one gets none.
            variables = {"SALLYPORT_ISSUER": key[0], "SALLYPORT_SUBJECT": key[1]} if isinstance(key, tuple) else {}
            return await CommandProcess.start(
                command,
                variables=variables,
                max_line_bytes=settings.upstream_max_line_bytes,
                log=runtime.log,
                on_stderr_failure=metrics.stderr_failed,
            )

        pool = ProcessPool(
            start_process=start_process,
            limits=PoolLimits(
                max_processes=settings.upstream_max_processes,
                idle_seconds=settings.upstream_process_idle_seconds,
                start_seconds=settings.upstream_start_seconds,
            ),
            metrics=metrics,
            log=runtime.log,
        )
        application = proxy_application(
            lists(guard), json_response=settings.json_response, max_body_bytes=settings.max_body_bytes
        )
        return StdioServer(
            command=command,
            pool=pool,
            application=application,
            per_user=settings.upstream_per == "user",
            silent_seconds=settings.upstream_silent_seconds,
        )

    return build
