"""The MCP client of the operator's commands for a server at a URL, and the explanation of a connection that fails.

No request of a client of this service comes here.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from mcp_service.servers.http_upstream.address import read_address

if TYPE_CHECKING:
    from mcp_service.upstream_settings import UpstreamSettings

ANSWER_SECONDS: Final = 15.0
"""The limit of one request within the limit of the command: after it, the other era of the protocol is tried."""
_TLS_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True)
class HttpAccess:
    """The headers and the route of requests to a server at a URL, and where its credential is configured."""

    headers: Mapping[str, str] = field(default_factory=dict)
    tls: ssl.SSLContext | None = None
    """None for the public authorities."""
    socket: str | None = None
    """The path of a Unix socket."""
    is_configured: bool = False
    """Whether the settings of the guard apply; the guard uses no proxy of the environment."""


def configured_access(settings: UpstreamSettings, *, further: Mapping[str, str]) -> HttpAccess:
    """The access of the guard to MCP_UPSTREAM, with further headers. Raises Misconfigured."""
    address = read_address(settings.upstream or "", settings)
    headers = {"Host": address.host, **settings.upstream_header_map(), **further}
    return HttpAccess(headers, address.tls, address.socket, is_configured=True)


class FailureExplainer:
    """Explains to the operator why a server cannot be read."""

    is_final = False
    """Whether another attempt would fail in the same way."""

    def explain(self, exc: Exception) -> str:
        """One sentence for the operator."""
        if isinstance(exc, FileNotFoundError | PermissionError):
            self.is_final = True
            return f"the command cannot be started: {exc.strerror or exc}"
        if isinstance(exc, httpx2.ConnectError):
            self.is_final = True
            return f"{'no TLS connection' if str(exc).startswith('[SSL') else 'nothing answers there'}: {exc}"
        return f"it does not answer as an MCP server: {str(exc) or type(exc).__name__}"

    async def explain_after_probe(self, explanation: str) -> str:
        """The explanation, or a better one that a second connection has brought."""
        return explanation


class HttpFailureExplainer(FailureExplainer):
    """An explainer that also reports HTTP status and content type, which the errors of the SDK's client leave out."""

    def __init__(self, url: str, access: HttpAccess) -> None:
        self._url = url
        self._access = access
        self._explanation: str | None = None

    async def record(self, response: httpx2.Response) -> None:
        """Record a response: the first one that explains the failure is reported."""
        status, content_type = response.status_code, response.headers.get("content-type", "none")
        explanation = None
        if status in {401, 403}:
            self.is_final = True
            credential = "MCP_UPSTREAM_HEADERS" if self._access.is_configured else "--header 'Authorization: …'"
            explanation = (
                f"it answers {status}, so it wants credentials of its own: give {credential}, "
                "or reach it at an address where it needs none"
            )
        elif response.is_redirect:
            self.is_final = True
            explanation = (
                f"it answers {status}, a redirect to {response.headers.get('location', '')!r:.200}: name that URL"
            )
        elif status == 404:
            explanation = "there is nothing at this path (404); the path is often /mcp"
        elif status >= 400:
            explanation = f"it answers {status}"
        elif status == 200 and not content_type.startswith(("application/json", "text/event-stream")):
            explanation = f"it answers with {content_type:.80}, which is not MCP"
        self._explanation = self._explanation or explanation

    def explain(self, exc: Exception) -> str:
        """One sentence for the operator."""
        if self._access.socket is not None and isinstance(exc, httpx2.ConnectError):
            self.is_final = True
            return f"nothing answers at the socket {self._access.socket}: {exc}"
        return super().explain(exc) if self._explanation is None else self._explanation

    async def explain_after_probe(self, explanation: str) -> str:
        """Report a port that speaks TLS: servers answer plain HTTP there with an error, or not at all."""
        if self._access.socket is None and self._url.startswith("http:") and await _speaks_tls(self._url):
            return f"it speaks TLS: begin the URL with https:// ({explanation})"
        return explanation


@asynccontextmanager
async def client_at(url: str, access: HttpAccess, explainer: HttpFailureExplainer, mode: Any) -> AsyncIterator[Client]:
    """The SDK's client for the server at the URL. `mode` is the era of the protocol."""
    verify = access.tls or True
    async with (
        httpx2.AsyncClient(
            headers=dict(access.headers),
            timeout=ANSWER_SECONDS,
            event_hooks={"response": [explainer.record]},
            verify=verify,
            transport=None if access.socket is None else httpx2.AsyncHTTPTransport(uds=access.socket),
            trust_env=not access.is_configured,
        ) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode, read_timeout_seconds=ANSWER_SECONDS) as client,
    ):
        yield client


async def _speaks_tls(url: str) -> bool:
    """Whether a handshake succeeds; whose certificate it is does not matter here."""
    parts = urlsplit(url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(_TLS_SECONDS):
            _, writer = await asyncio.open_connection(parts.hostname, parts.port or 80, ssl=context)
        writer.close()
        return True
    return False
