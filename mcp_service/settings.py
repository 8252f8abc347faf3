"""The settings of mcp_service: frozen; unsafe combinations refuse to start and say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from shared.configured_url import check_issuer, check_resource, is_loopback_host, origin_of, path_of
from shared.jose.algorithms import SUPPORTED_ALGORITHMS, Algorithm
from shared.settings import ServiceSettings

DAY = 86_400

_RETIRED_SETTINGS: Final = {
    "MCP_PROCESSES": "was removed: one process is one replica; run several with compose, Kubernetes or systemd "
    "(docs/operations.md)",
    "MCP_SESSIONS": "was renamed: use MCP_STATEFUL",
    "MCP_IN_BAND_CLIENTS": "was renamed: use MCP_TOOL_RESULT_AUTH_CLIENTS",
    "MCP_MIXED_ACCESS": "was renamed: use MCP_ALLOW_ANONYMOUS",
}


class McpSettings(ServiceSettings):
    """Read from `MCP_*`. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="MCP_", frozen=True, extra="forbid")
    retired_settings: ClassVar[Mapping[str, str]] = _RETIRED_SETTINGS

    issuer: str = Field(description="Who issues the tokens: one https URL (http on a loopback host), no final slash.")
    resource: str = Field(description="What people paste into their client, path included; the audience of tokens.")
    resource_name: str | None = Field(
        None, min_length=1, max_length=100, description="A name for people; the MCP server's own when unset."
    )
    resource_aliases: tuple[str, ...] = Field(
        (), description="Other strings accepted in a token's audience, compared byte by byte."
    )
    jwks_url: str | None = Field(
        None, description="Where to fetch the issuer's keys, if not at the address that the issuer itself names."
    )
    jwks_max_stale: int = Field(
        DAY, ge=0, le=30 * DAY, description="How long keys are trusted while the issuer cannot be reached."
    )
    jwks_cooldown: float = Field(
        10, ge=0.1, le=3600, description="Least time between two refreshes that unknown key ids cause."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        SUPPORTED_ALGORITHMS, min_length=1, description="Signature algorithms accepted."
    )
    host: tuple[str, ...] = Field(("127.0.0.1",), description="Addresses to listen on.")
    port: int = Field(9001, ge=0, le=65_535, description="Port to listen on.")
    reuse_port: bool = Field(
        False, description="Whether several replicas on this machine share the port (SO_REUSEPORT)."
    )
    server: str | None = Field(
        None, description="Your MCP server, as package.module:attribute; the notes example when unset."
    )
    scopes: str | None = Field(
        None,
        description="Which tool needs which scopes: package.module:attribute of a dict, or the same as JSON.",
    )
    allow_anonymous: bool = Field(
        False, description="Whether the tools that the scope map calls public may be called without a token."
    )
    tool_result_auth_clients: tuple[str, ...] = Field(
        ("openai-mcp",),
        description="Clients that are asked to sign in by a tool result instead of a status; needs ALLOW_ANONYMOUS.",
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Origins of browser clients beside this one and loopback ones; * allows all."
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, le=1 << 26, description="Longest request body.")
    json_response: bool = Field(
        False, description="Answer with plain JSON only: no progress, no notifications while a tool runs."
    )
    stateful: bool = Field(
        False,
        description="Keep sessions on the older wire, so that a tool can ask the client back while it runs; "
        "needs one replica, or a gateway that keeps each client on its replica.",
    )
    notes_redis_url: SecretStr | None = Field(
        None, description="Where the example server keeps its notes; in memory when unset."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["json", "console"] = Field("json", description="For machines or for a terminal.")
    drain_seconds: float = Field(
        5,
        ge=0,
        le=300,
        description="How long requests are still accepted after the signal to stop, while /readyz answers 503; longer "
        "than a load balancer takes to notice.",
    )
    shutdown_seconds: float = Field(10, gt=0, le=300, description="How long requests in flight may take at a stop.")

    @field_validator("issuer")
    @classmethod
    def _plain_issuer(cls, value: str) -> str:
        return check_issuer(value)

    @field_validator("resource")
    @classmethod
    def _plain_resource(cls, value: str) -> str:
        return check_resource(value)

    @field_validator("jwks_url")
    @classmethod
    def _fetchable(cls, value: str | None) -> str | None:
        # An inside address may be plain http: whoever sets it vouches for that network.
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
                raise ValueError("needs to be an absolute http or https URL without user information")
        return value

    @field_validator("allowed_origins")
    @classmethod
    def _plain_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*" and origin != origin_of(origin):
                raise ValueError(f"{origin!r} is not an origin: scheme, host and port, nothing after")
        return value

    @model_validator(mode="after")
    def _safe_together(self) -> Self:
        if self.resource == self.issuer:
            raise ValueError("RESOURCE and ISSUER are the same; they name two different doors")
        if self.reuse_port and self.stateful:
            raise ValueError("STATEFUL needs one replica: no REUSE_PORT, or no STATEFUL")
        if self.reuse_port and self.server is None and self.notes_redis_url is None:
            raise ValueError("REUSE_PORT needs NOTES_REDIS_URL: in memory, each replica would keep notes of its own")
        return self

    @property
    def path(self) -> str:
        """Where the MCP endpoint is mounted: the path of the resource."""
        return path_of(self.resource)

    @property
    def is_local(self) -> bool:
        """Whether this server is a development one, on a loopback host."""
        return is_loopback_host(urlsplit(self.resource).hostname or "")
