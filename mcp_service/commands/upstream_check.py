"""Reads the server at MCP_UPSTREAM once, so that a wrong address is known before the first call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

from mcp_service.servers.mcp_client import configured_access
from mcp_service.servers.server_contents import NoMcpServer, UnreadableServer, read_server

if TYPE_CHECKING:
    from mcp_service.settings import McpSettings

SECONDS: Final = 5.0


async def upstream_warning(settings: McpSettings) -> str | None:
    """Why there is no MCP server at MCP_UPSTREAM; None if there is one, or if it cannot be asked without a caller.

    Raises Misconfigured.
    """
    if settings.upstream is None or settings.upstream_identity == "assertion":
        return None
    # The SDK logs what it cannot read with tracebacks.
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    logging.getLogger("client").setLevel(logging.CRITICAL)
    try:
        await read_server(settings.upstream, access=configured_access(settings, further={}), seconds=SECONDS)
    except NoMcpServer as exc:
        return f"there is no MCP server at MCP_UPSTREAM ({settings.upstream.partition('?')[0]}): {exc}"
    except UnreadableServer:
        # It speaks MCP, and lists nothing.
        return None
    return None
