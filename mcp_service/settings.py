"""The settings of mcp_service: frozen. An unsafe combination is refused at start with its reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import SettingsConfigDict

from mcp_service.upstream_settings import UpstreamSettings
from shared.configured_url import check_issuer, check_prefix, check_resource, origin_of, path_of
from shared.ip_addresses import parse_networks, parse_proxies
from shared.jose.algorithms import SUPPORTED_ALGORITHMS, Algorithm

DAY = 86_400

_RETIRED_SETTINGS: Final = {
    "MCP_PROCESSES": "was removed: one process is one replica; run several with compose, Kubernetes or systemd "
    "(docs/operations.md)",
    "MCP_SESSIONS": "was renamed: use MCP_STATEFUL",
    "MCP_IN_BAND_CLIENTS": "was renamed: use MCP_TOOL_RESULT_AUTH_CLIENTS",
    "MCP_MIXED_ACCESS": "was renamed: use MCP_ALLOW_ANONYMOUS",
}


class McpSettings(UpstreamSettings):
    """The settings of mcp_service, read from `MCP_*`. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="MCP_", frozen=True, extra="forbid")
    retired_settings: ClassVar[Mapping[str, str]] = _RETIRED_SETTINGS

    issuer: str = Field(description="The issuer of tokens: one https URL (http on a loopback host), no final slash.")
    resource: str = Field(
        description="The URL that users enter in their client, path included; the audience of tokens."
    )
    resource_name: str | None = Field(
        None, min_length=1, max_length=100, description="A display name; the MCP server's own when unset."
    )
    resource_aliases: tuple[str, ...] = Field(
        (), description="Other strings accepted in a token's audience, compared byte by byte."
    )
    jwks_url: str | None = Field(
        None, description="The address of the issuer's JWKS, if it is not the one in the issuer's metadata."
    )
    forward_oauth_to: str | None = Field(
        None,
        description="The origin at which this server reaches auth_service, to forward POST /token and POST /register "
        "of clients that look for them here (docs/forwarding.md); unset, they are answered 404.",
    )
    jwks_max_stale: int = Field(
        DAY, ge=0, le=30 * DAY, description="How long keys are trusted while the issuer cannot be reached."
    )
    jwks_cooldown: float = Field(
        10,
        ge=0.1,
        le=3600,
        description="Minimum time between two refreshes for unknown key ids, and for unknown status lists.",
    )
    status_lists_url: str | None = Field(
        None, description="The address of the issuer's feed of status lists, if it is not the one in its metadata."
    )
    status_list_prefixes: tuple[str, ...] = Field(
        (),
        max_length=16,
        description="For an issuer without a feed: the beginnings of the addresses of its status lists, https, or http "
        "on a loopback or private address. Each list that a token names is then fetched by its own address.",
    )
    status_max_stale: int = Field(
        3600,
        ge=1,
        le=30 * DAY,
        description="How long the status lists may go unconfirmed before /readyz reports the guard as impaired.",
    )
    status_strict: bool = Field(
        False, description="Whether tokens of the issuer are then answered 503, instead of by the last known status."
    )
    algorithms: tuple[Algorithm, ...] = Field(
        SUPPORTED_ALGORITHMS, min_length=1, description="Signature algorithms accepted."
    )
    host: tuple[str, ...] = Field(("127.0.0.1",), description="Addresses to listen on.")
    port: int = Field(9001, ge=0, le=65_535, description="Port to listen on.")
    reuse_port: bool = Field(
        False, description="Whether several replicas on this machine share the port (SO_REUSEPORT)."
    )
    max_connections: int = Field(
        4096,
        ge=64,
        le=1_000_000,
        description="Maximum number of open connections without an authenticated request; the limit of file "
        "descriptors may lower it.",
    )
    max_connections_per_network: int = Field(
        256,
        ge=8,
        le=1_000_000,
        description="The same per IPv4 address or IPv6 /64; TRUSTED_PROXIES are exempt.",
    )
    trusted_proxies: tuple[str, ...] = Field(
        (),
        description="Addresses and networks of your proxies; only their X-Forwarded-For and X-Request-Id are used. "
        "They must replace an X-Request-Id of the client.",
    )
    rate_limit_shared_networks: tuple[str, ...] = Field(
        ("160.79.104.0/21",),
        description="Networks whose addresses are shared by many users and have wider limits; Anthropic's by default.",
    )
    rate_limits: Literal["on", "off"] = Field("on", description="Whether requests and streams are limited.")
    server: str | None = Field(
        None,
        description="Your MCP server in Python, as ./file.py:attribute or package.module:attribute: a server of the "
        "mcp SDK, a FastMCP object, or a function that returns one; the notes example when unset.",
    )
    scopes: str | None = Field(
        None,
        description="The scopes that each tool needs: a dict, as ./file.py:attribute or package.module:attribute, "
        "the same as JSON, or a file ./scopes.json with it. `python -m mcp_service scopes` writes one to begin with.",
    )
    scope_check: Literal["on", "off"] = Field(
        "on",
        description="Whether the scopes of the map are compared with those that the issuer's metadata list; a "
        "difference is reported and changes nothing. For an issuer that lists only some of its scopes: off.",
    )
    allow_anonymous: bool = Field(
        False, description="Whether operations that the scope map calls public need no token."
    )
    list_filter: Literal["off", "granted"] = Field(
        "off",
        description="Whether lists of tools, prompts and resources show all (off), or what the token covers (granted). "
        "Calls are checked either way.",
    )
    tool_result_auth_clients: tuple[str, ...] = Field(
        ("openai-mcp",),
        description="Clients that are asked to sign in by a tool result instead of a status; needs ALLOW_ANONYMOUS.",
    )
    allowed_origins: tuple[str, ...] = Field(
        (), description="Allowed origins of browser clients, besides this server's own and loopback ones; * allows all."
    )
    max_body_bytes: int = Field(1 << 20, ge=1024, le=1 << 26, description="Maximum size of a request body.")
    json_response: bool = Field(
        False, description="Respond with plain JSON only: no progress and no notifications while a tool runs."
    )
    stateful: bool = Field(
        False,
        description="Keep sessions for protocol versions before 2026-07-28, so that a running tool can send requests "
        "to the client; needs one replica, or a gateway with sticky sessions.",
    )
    notes_redis_url: SecretStr | None = Field(
        None, description="The Redis of the example server's notes; in memory when unset."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Minimum level of log entries.")
    log_format: Literal["json", "console"] = Field("json", description="json, or console for a terminal.")
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

    @field_validator("jwks_url", "status_lists_url")
    @classmethod
    def _fetchable(cls, value: str | None) -> str | None:
        # An internal address may be plain http: its network is the operator's responsibility.
        if value is not None:
            parts = urlsplit(value)
            if parts.scheme not in {"https", "http"} or not parts.hostname or parts.username is not None:
                raise ValueError("needs to be an absolute http or https URL without user information")
        return value

    @field_validator("status_list_prefixes")
    @classmethod
    def _plain_prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(check_prefix(prefix) for prefix in value)

    @field_validator("forward_oauth_to")
    @classmethod
    def _origin(cls, value: str | None) -> str | None:
        # Plain http is allowed as for jwks_url.
        if value is not None and (value != origin_of(value) or not re.fullmatch(r"https?://[^@\s]+", value)):
            raise ValueError("needs to be an http or https origin: scheme, host and port, nothing after")
        return value

    @field_validator("trusted_proxies")
    @classmethod
    def _proxies(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_proxies(value)
        return value

    @field_validator("rate_limit_shared_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        parse_networks(value)
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
            raise ValueError("MCP_RESOURCE and MCP_ISSUER are the same; they name two different services")
        servers = {
            "MCP_SERVER": self.server,
            "MCP_UPSTREAM": self.upstream,
            "MCP_UPSTREAM_COMMAND": self.upstream_command,
        }
        configured = [name for name, value in servers.items() if value is not None]
        if len(configured) > 1:
            raise ValueError(f"{' and '.join(configured)} name several servers; one is protected")
        if self.forward_oauth_to is not None:
            if origin_of(self.resource) == origin_of(self.issuer):
                raise ValueError(
                    "MCP_FORWARD_OAUTH_TO is for two origins; MCP_RESOURCE and MCP_ISSUER have the same one"
                )
            if self.path in {"/authorize", "/register", "/token"}:
                raise ValueError(f"MCP_FORWARD_OAUTH_TO needs the path {self.path} of MCP_RESOURCE for itself")
        if self.status_lists_url is not None and self.status_list_prefixes:
            raise ValueError(
                "MCP_STATUS_LISTS_URL is for an issuer with a feed, MCP_STATUS_LIST_PREFIXES for one without"
            )
        if self.upstream is not None and (self.stateful or self.json_response):
            raise ValueError(
                "MCP_STATEFUL and MCP_JSON_RESPONSE are for MCP_SERVER; a server at MCP_UPSTREAM decides that itself"
            )
        if self.reuse_port and self.upstream is not None and self.upstream_session_key is None:
            raise ValueError("MCP_REUSE_PORT needs MCP_UPSTREAM_SESSION_KEY: replicas must know one another's sessions")
        if self.reuse_port and self.stateful:
            raise ValueError("MCP_STATEFUL needs one replica: no MCP_REUSE_PORT, or no MCP_STATEFUL")
        if self.stateful and self.upstream_command is not None:
            raise ValueError(
                "MCP_STATEFUL is for a server in this process; the clients of MCP_UPSTREAM_COMMAND have no sessions"
            )
        if self.reuse_port and self.is_example and self.notes_redis_url is None:
            raise ValueError(
                "MCP_REUSE_PORT needs MCP_NOTES_REDIS_URL: in memory, each replica would keep notes of its own"
            )
        return self

    @property
    def is_example(self) -> bool:
        """Whether the notes example is protected."""
        return self.server is None and self.upstream is None and self.upstream_command is None

    @property
    def path(self) -> str:
        """The path of the MCP endpoint: that of the resource."""
        return path_of(self.resource)
