"""Validates the status and the media type of an answer: whether an MCP server may give it. Pure.

Statuses and JSON bodies are passed on as they are, because clients act on them: 404 for a lost session, 405 for a
server without streams, 400 for another revision. An answer that no MCP server gives is a 502; the log has the reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit, urlunsplit

from mcp_service.guard.errors import BadGateway
from mcp_service.servers.http_upstream.errors import not_http, not_mcp
from shared.http.media_type import essence_of

if TYPE_CHECKING:
    from collections.abc import Mapping

EVENT_STREAM: Final = "text/event-stream"
_JSON: Final = frozenset({"application/json", "application/problem+json"})
_WITHOUT_BODY: Final = frozenset({202, 204})


def check_response(
    status: int, headers: Mapping[str, str], *, method: str, has_session: bool, url: str
) -> tuple[str, bool]:
    """The media type of the answer, and whether its body is passed on. `url` is the configured one.

    Raises BadGateway for an answer that no MCP server gives.
    """
    essence = essence_of(headers.get("Content-Type", ""))
    if status < 200:
        raise not_http(f"status {status}: the server wants to change the protocol")
    if status in _WITHOUT_BODY:
        return essence, False
    if status < 300:
        _check_success(essence, headers, method=method)
        return essence, True
    if status < 400:
        raise _redirect(status, headers.get("Location", ""), url)
    if status in {401, 403, 407}:
        raise BadGateway(
            f"status {status}: the server demands a credential of its own (MCP_UPSTREAM_HEADERS), or refuses the host",
            error_id="upstream_credential",
        )
    if status == 421:
        raise not_mcp("status 421: the server does not accept this Host (MCP_UPSTREAM_HOST)")
    if essence in _JSON:
        return essence, True
    if status == 405 and method != "POST":
        # A server without streams or sessions, which may be told by whatever is in front of it.
        return essence, False
    if status == 404 and not has_session:
        raise not_mcp(f"status 404, {essence or 'no type'}: is MCP_UPSTREAM the address of the MCP endpoint?")
    if essence in {"", "text/plain"}:
        return essence, essence != ""
    raise not_mcp(f"status {status}, {essence:.60}")


def _check_success(essence: str, headers: Mapping[str, str], *, method: str) -> None:
    if method == "DELETE" and (essence in _JSON or essence in {"", "text/plain"}):
        return
    if essence == EVENT_STREAM or (method == "POST" and essence in _JSON):
        return
    if method == "POST" and essence == "" and headers.get("Content-Length") == "0":
        # A server that accepts a notification with 200.
        return
    raise not_mcp(f"a success of type {essence or 'no type'!s:.60}: is MCP_UPSTREAM the address of the MCP endpoint?")


def _redirect(status: int, location: str, url: str) -> BadGateway:
    try:
        parts = urlsplit(urljoin(url, location))
        # Without user and query, which may hold a secret.
        target = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    except ValueError:
        target = ""
    advice = "no target"
    if location and target and target.isprintable():
        advice = f"if that is the server, set MCP_UPSTREAM to {target:.300}"
    return BadGateway(f"status {status}: {advice}", error_id="upstream_redirect")
