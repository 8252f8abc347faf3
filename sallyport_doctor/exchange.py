"""One question asked of a server and what came back, as a frozen record that rules can be run on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sallyport_doctor.addresses import join, split


class Failure(StrEnum):
    """Why no answer came."""

    NAME = "the name does not resolve"
    REFUSED = "the connection was refused"
    TIMEOUT = "no answer within the time limit"
    TLS = "the TLS handshake failed"
    NOT_PUBLIC = "the address is not public, and a stranger's document named it"
    BROKEN = "the connection broke, or the answer was not HTTP"


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and its answer. `status` is 0 when none came; then `failure` says why. Times are in seconds."""

    method: str
    url: str
    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    seconds: float = 0.0
    failure: Failure | None = None
    detail: str = ""
    hops: tuple[str, ...] = ()
    """Addresses to which redirects led, in order, where they were followed."""

    def header(self, name: str) -> str | None:
        """The value of a header, several joined by a comma; None when it is absent. Case does not matter."""
        wanted = name.lower()
        found = [value for key, value in self.headers if key.lower() == wanted]
        return ", ".join(found) if found else None

    @property
    def cookies(self) -> tuple[str, ...]:
        """The cookies that the answer sets, each as `name=value`."""
        return tuple(value.partition(";")[0].strip() for key, value in self.headers if key.lower() == "set-cookie")

    @property
    def ok(self) -> bool:
        """Whether the answer was 200."""
        return self.status == 200

    @property
    def is_redirect(self) -> bool:
        """Whether the answer sends the caller elsewhere."""
        return self.status in {301, 302, 303, 307, 308}

    @property
    def location(self) -> str:
        """Where a redirect leads, as written; empty when nowhere."""
        return self.header("Location") or ""

    @property
    def leads_to(self) -> str:
        """Where a redirect leads, absolute and without its query, which may hold secrets."""
        parts = split(join(self.url, self.location))
        return f"{parts.scheme}://{parts.netloc}{parts.path}"

    @property
    def leads_to_sign_in(self) -> bool:
        """Whether a redirect leads to what looks like a sign-in for people."""
        path = split(self.location).path.lower()
        return any(word in path for word in ("login", "signin", "sign-in", "sign_in", "authorize", "auth/"))

    @property
    def media_type(self) -> str:
        """The media type without parameters, in lower case; empty when none was sent."""
        return (self.header("Content-Type") or "").split(";")[0].strip().lower()

    @property
    def looks_like_page(self) -> bool:
        """Whether the body is a page for people rather than a document for programs."""
        return self.media_type == "text/html" or self.body[:200].lstrip().lower().startswith((b"<!doctype", b"<html"))

    @property
    def document(self) -> dict[str, Any] | None:
        """The body as a JSON object, whatever the media type says; None when it is not one."""
        value = self.json_value
        return value if isinstance(value, dict) else None

    @property
    def json_value(self) -> Any:
        """The body as JSON, the last event's data for an event stream; None when it is neither."""
        text = self.body
        if self.media_type == "text/event-stream":
            data = [line[5:].strip() for line in text.splitlines() if line.startswith(b"data:")]
            text = data[-1] if data else b""
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None

    def summary(self) -> str:
        """One phrase for a report: what was asked and what came. Never holds a body or a credential."""
        path = split(self.url)
        asked = f"{self.method} {path.scheme}://{path.netloc}{path.path}"
        if self.failure is not None:
            return f"{asked}: {self.failure}{f' ({self.detail})' if self.detail else ''}"
        kind = f" {self.media_type}" if self.media_type else ""
        return f"{asked} answered {self.status}{kind}"
