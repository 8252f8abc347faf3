"""The settings of a server behind the guard that is not Python code in this process."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from shared.settings import ServiceSettings


class UpstreamSettings(ServiceSettings):
    """The part of McpSettings for MCP_UPSTREAM and MCP_UPSTREAM_COMMAND. Durations are in seconds."""

    upstream: str | None = Field(
        None, description="The URL of your MCP server, path included, such as http://127.0.0.1:3000/mcp."
    )
    upstream_command: str | None = Field(
        None, description="The command of your MCP server that speaks on standard input and output."
    )
    upstream_per: Literal["shared", "user"] = Field(
        "shared", description="Whether all users share one process of the command, or each user has one."
    )
    upstream_max_processes: int = Field(
        32, ge=1, le=10_000, description="Maximum number of processes; more users at once are answered 503."
    )
    upstream_idle_seconds: float = Field(
        300, ge=0, le=604_800, description="How long a process runs without a request before it is ended; 0 is forever."
    )
    upstream_start_seconds: float = Field(
        60, gt=0, le=600, description="How long the command may take to answer initialize, downloads included."
    )
    upstream_silent_seconds: float = Field(
        600,
        gt=0,
        le=86_400,
        description="How long the command may take to answer a request, or to report its next progress.",
    )
    upstream_memory_mb: int = Field(
        2048,
        ge=0,
        le=1 << 20,
        description="Maximum private memory (RLIMIT_DATA) of each process, in MiB; 0 is without a limit.",
    )
    upstream_max_line_bytes: int = Field(
        8 << 20,
        ge=1 << 16,
        le=1 << 26,
        description="Maximum size of a message of the command; a process that writes a longer one is ended.",
    )
    upstream_environment: tuple[str, ...] = Field(
        (),
        description="Names of environment variables that the command gets, besides HOME, LOGNAME, PATH, SHELL, TERM, "
        "USER, LANG and TMPDIR.",
    )

    @model_validator(mode="after")
    def _of_the_command(self) -> Self:
        if self.upstream_command is None and {"upstream_per", "upstream_environment"} & self.model_fields_set:
            raise ValueError("UPSTREAM_PER and UPSTREAM_ENVIRONMENT are for UPSTREAM_COMMAND, which is not set")
        return self
