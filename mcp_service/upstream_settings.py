"""The settings of a server behind the guard that is not Python code in this process."""

from __future__ import annotations

from pydantic import Field

from shared.settings import ServiceSettings


class UpstreamSettings(ServiceSettings):
    """The part of McpSettings for MCP_UPSTREAM and MCP_UPSTREAM_COMMAND. Durations are in seconds."""

    upstream: str | None = Field(
        None, description="The URL of your MCP server, path included, such as http://127.0.0.1:3000/mcp."
    )
    upstream_command: str | None = Field(
        None, description="The command of your MCP server that speaks on standard input and output."
    )
