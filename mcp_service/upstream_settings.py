"""The settings of a server behind the guard that is not Python code in this process."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from mcp_service.upstream_identity_settings import UpstreamIdentitySettings


class UpstreamSettings(UpstreamIdentitySettings):
    """The part of McpSettings for MCP_UPSTREAM and MCP_UPSTREAM_COMMAND. Durations are in seconds."""

    upstream: str | None = Field(
        None, description="The URL of your MCP server, path included, such as http://127.0.0.1:3000/mcp."
    )
    upstream_command: str | None = Field(
        None, description="The command of your MCP server that speaks on standard input and output."
    )

    @model_validator(mode="after")
    def _identity_fits(self) -> Self:
        if self.upstream is not None:
            self.check_identity(self.upstream)
        return self
