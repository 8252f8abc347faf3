"""The settings of a server behind the guard that is not Python code in this process."""

from __future__ import annotations

import re
from typing import Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from mcp_service.upstream_identity_settings import UpstreamIdentitySettings
from shared.jose.strict_json import parse_json_object

_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_HEADER_VALUE: Final = re.compile(r"[!-~]([\t -~]*[!-~])?")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
_GUARDS_OWN: Final = frozenset(
    [
        "accept",
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "last-event-id",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "x-request-id",
    ]
)
_GUARDS_OWN_BEGINNINGS: Final = ("mcp-", "sallyport-", "x-forwarded-")


class UpstreamSettings(UpstreamIdentitySettings):
    """The part of McpSettings for MCP_UPSTREAM and MCP_UPSTREAM_COMMAND. Durations are in seconds."""

    upstream: str | None = Field(
        None, description="The URL of your MCP server, path included, such as http://127.0.0.1:3000/mcp."
    )
    upstream_socket: str | None = Field(
        None, description="The path of the Unix socket at which UPSTREAM is reached, in place of its host and port."
    )
    upstream_host: str | None = Field(
        None, description="The Host header that your MCP server accepts; host and port of UPSTREAM when unset."
    )
    upstream_headers: SecretStr | None = Field(
        None,
        description="A JSON object of headers that every request to UPSTREAM has, such as a credential of the guard.",
    )
    upstream_ca_file: str | None = Field(
        None, description="A file with the certificates of the authority of UPSTREAM; the public ones when unset."
    )
    upstream_session_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="A random text by which replicas know one another's sessions at UPSTREAM; each process has a key "
        "of its own when unset.",
    )
    upstream_connect_seconds: float = Field(5, ge=0.1, le=60, description="How long a connection to UPSTREAM may take.")
    upstream_response_seconds: float = Field(
        300, ge=0.1, le=86_400, description="How long UPSTREAM may take to begin an answer."
    )
    upstream_idle_seconds: float = Field(
        60, ge=0.1, le=3600, description="How long a body of UPSTREAM that is no stream of events may pause."
    )
    upstream_max_response_bytes: int = Field(
        1 << 24, ge=1024, le=1 << 30, description="Maximum size of an answer that is no stream of events."
    )
    upstream_max_requests: int = Field(
        1024,
        ge=4,
        le=100_000,
        description="Maximum number of requests in progress at UPSTREAM; open streams take three quarters at most.",
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
    upstream_process_idle_seconds: float = Field(
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

    @field_validator("upstream")
    @classmethod
    def _plain_upstream(cls, value: str | None) -> str | None:
        if value is not None:
            _check_upstream(value)
        return value

    @field_validator("upstream_host")
    @classmethod
    def _plain_host(cls, value: str | None) -> str | None:
        if value is not None and _HOST.fullmatch(value) is None:
            raise ValueError("needs to be a host, with a port or without")
        return value

    @field_validator("upstream_headers")
    @classmethod
    def _plain_headers(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            _parse_headers(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _of_an_upstream(self) -> Self:
        needy = ("upstream_socket", "upstream_host", "upstream_headers", "upstream_ca_file", "upstream_session_key")
        stray = [f"MCP_{name.upper()}" for name in needy if getattr(self, name) is not None]
        # A server of another kind gets no headers, and would rely on what never comes.
        stray += ["MCP_UPSTREAM_IDENTITY=assertion"] if self.upstream_identity == "assertion" else []
        stray += ["MCP_UPSTREAM_CLAIMS"] if self.upstream_claims else []
        stray += ["MCP_UPSTREAM_AUDIENCE"] if self.upstream_audience is not None else []
        if self.upstream is None and stray:
            raise ValueError(f"{' and '.join(stray)} need MCP_UPSTREAM")
        is_https = self.upstream is not None and self.upstream.startswith("https:")
        if self.upstream_ca_file is not None and not is_https:
            raise ValueError("MCP_UPSTREAM_CA_FILE is for an https MCP_UPSTREAM")
        if self.upstream_socket is not None and is_https:
            raise ValueError("MCP_UPSTREAM_SOCKET needs an http MCP_UPSTREAM, such as http://localhost/mcp")
        return self

    @model_validator(mode="after")
    def _of_the_command(self) -> Self:
        if self.upstream_command is None and {"upstream_per", "upstream_environment"} & self.model_fields_set:
            raise ValueError(
                "MCP_UPSTREAM_PER and MCP_UPSTREAM_ENVIRONMENT are for MCP_UPSTREAM_COMMAND, which is not set"
            )
        return self

    @model_validator(mode="after")
    def _identity_fits(self) -> Self:
        if self.upstream is not None:
            # A Unix socket is on this machine, whatever the URL names.
            self.check_identity(self.upstream if self.upstream_socket is None else "http://localhost")
        return self

    def upstream_header_map(self) -> dict[str, str]:
        """The headers of UPSTREAM_HEADERS."""
        return {} if self.upstream_headers is None else _parse_headers(self.upstream_headers.get_secret_value())


def _check_upstream(value: str) -> None:
    if " " in value and "://" not in value:
        raise ValueError("is no URL; for a command set MCP_UPSTREAM_COMMAND")
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("has characters that a URL cannot have")
    parts = urlsplit(value)
    if not value.startswith(("http://", "https://")) or not parts.hostname or parts.port == 0:
        raise ValueError("needs to be an absolute http or https URL")
    if parts.username is not None or parts.password is not None:
        raise ValueError("has user information: use MCP_UPSTREAM_HEADERS for a credential")
    if "#" in value or not parts.path:
        raise ValueError("needs a path, such as /mcp, and no fragment")


def _parse_headers(text: str) -> dict[str, str]:
    """Parse the headers. Raises ValueError, which quotes no value."""
    try:
        found = parse_json_object(text.encode())
    except ValueError:
        raise ValueError("needs to be a JSON object of header names and values") from None
    for name, value in found.items():
        if _HEADER_NAME.fullmatch(name) is None or not isinstance(value, str) or not _HEADER_VALUE.fullmatch(value):
            raise ValueError(f"{name!r:.80} is not a header name, or its value is not a text of visible ASCII")
        if name.lower() in _GUARDS_OWN or name.lower().startswith(_GUARDS_OWN_BEGINNINGS):
            raise ValueError(f"{name} is set by the guard itself")
    return found
