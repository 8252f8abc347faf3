"""The address of the server: one configured URL, to which no request contributes."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarl import URL

from shared.errors import Misconfigured

if TYPE_CHECKING:
    from mcp_service.upstream_settings import UpstreamSettings


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """The configured URL, and how to connect to it."""

    url: URL
    """As configured, byte for byte, with its query."""
    host: str
    """The `Host` header: servers that protect themselves against DNS rebinding compare it, port included."""
    socket: str | None
    """The path of a Unix socket, in place of the host of the URL."""
    tls: ssl.SSLContext | None
    """None for plain HTTP."""

    @property
    def target(self) -> str:
        """The path with the query, as the server receives it."""
        return self.url.raw_path_qs


def read_address(url: str, settings: UpstreamSettings) -> UpstreamAddress:
    """Read the address from the settings. Raises Misconfigured for certificates that cannot be loaded."""
    tls = None
    if url.startswith("https:"):
        try:
            # A private authority is trusted alone, in place of the public ones.
            tls = ssl.create_default_context(cafile=settings.upstream_ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise Misconfigured(f"MCP_UPSTREAM_CA_FILE: cannot be loaded: {exc}") from exc
    return UpstreamAddress(
        url=URL(url, encoded=True),
        host=settings.upstream_host or urlsplit(url).netloc,
        socket=settings.upstream_socket,
        tls=tls,
    )
