"""One HTTP request and its response, as a frozen record for the rules."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sallyport_doctor.addresses import join, split


class Failure(StrEnum):
    """Why there is no response."""

    DNS = "the name does not resolve"
    REFUSED = "the connection was refused"
    TIMEOUT = "no response within the timeout"
    TLS = "the TLS handshake failed"
    NOT_PUBLIC = "the server's document names a non-public address"
    PROTOCOL = "the connection was closed, or the response was not HTTP"


@dataclass(frozen=True, slots=True)
class HttpExchange:
    """A request and its response. Without a response `status` is 0 and `failure` is set. Times in seconds."""

    method: str
    url: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0
    failure: Failure | None = None
    detail: str = ""
    hops: tuple[str, ...] = ()
    """The URLs of followed redirects, in order."""

    def header(self, name: str) -> str | None:
        """The value of a header (case-insensitive), several joined by commas; None when it is absent."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        return ", ".join(found) if found else None

    @property
    def cookies(self) -> tuple[str, ...]:
        """The cookies of the response, each as `name=value`."""
        return tuple(value.partition(";")[0].strip() for key, value in self.headers if key.lower() == "set-cookie")

    @property
    def ok(self) -> bool:
        """Whether the status is 200."""
        return self.status == 200

    @property
    def is_redirect(self) -> bool:
        """Whether the response is a redirect."""
        return self.status in {301, 302, 303, 307, 308}

    @property
    def location(self) -> str:
        """The Location header; empty when it is absent."""
        return self.header("Location") or ""

    @property
    def redirect_target(self) -> str:
        """The absolute target of a redirect without its query, which may contain secrets."""
        parts = split(join(self.url, self.location))
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    @property
    def redirects_to_sign_in(self) -> bool:
        """Whether the path of a redirect looks like a sign-in page."""
        path = split(self.location).path.lower()
        return any(word in path for word in ("login", "signin", "sign-in", "sign_in", "authorize", "auth/"))

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case; empty when it is absent."""
        return (self.header("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def is_html_page(self) -> bool:
        """Whether the body is HTML."""
        return self.media_type == "text/html" or self.body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, regardless of the media type; None when it is not one."""
        value = self.json_value
        return value if isinstance(value, dict) else None

    @property
    def json_value(self) -> Any:
        """The body as JSON, for an event stream the data of the last event; None when it is not JSON."""
        text = self.body
        if self.media_type == "text/event-stream":
            data = [line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")]
            text = data[-1] if data else b""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None

    @property
    def is_json_rpc(self) -> bool:
        """Whether the body is a JSON-RPC 2.0 message."""
        document = self.document
        return document is not None and document.get("jsonrpc") == "2.0"

    @property
    def answers_as_mcp(self) -> bool:
        """Whether an MCP endpoint, open or protected, may have sent this response to an opening request."""
        return self.is_json_rpc or self.status == 401

    def summary(self) -> str:
        """Request and status in one phrase, without body and credentials."""
        path = split(self.url)
        request = f"{self.method} {path.scheme}://{path.netloc}{path.path}"
        if self.failure is not None:
            return f"{request}: {self.failure}{f' ({self.detail})' if self.detail else ''}"
        media_type = f" {self.media_type}" if self.media_type else ""
        return f"{request} returned {self.status}{media_type}"
