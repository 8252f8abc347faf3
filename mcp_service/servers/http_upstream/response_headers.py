"""The headers of the server's answer that the client receives. Pure.

Removed is what concerns one connection only, what the guard states itself, and what a client or a proxy in front
would obey as if the guard had said it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from multidict import CIMultiDict

from mcp_service.principal.identity_headers import is_identity_header

if TYPE_CHECKING:
    from multidict import CIMultiDictProxy

_REMOVED: Final = frozenset(
    [
        # Of one connection (RFC 9110 section 7.6.1).
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authentication-info",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # Stated by the guard, or by the framing of its own answer.
        "alt-svc",
        "content-length",
        "date",
        "mcp-session-id",
        "server",
        "strict-transport-security",
        "via",
        "x-powered-by",
        "x-request-id",
        # A challenge of the server is none of the guard's; cookies, places and reports would count for its origin.
        "authentication-info",
        "clear-site-data",
        "content-location",
        "forwarded",
        "location",
        "nel",
        "refresh",
        "report-to",
        "reporting-endpoints",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "www-authenticate",
        # Orders to a proxy in front of the guard.
        "surrogate-control",
        "x-lighttpd-send-file",
        "x-real-ip",
        "x-reproxy-url",
        "x-sendfile",
    ]
)
_REMOVED_BEGINNINGS: Final = (
    "access-control-",
    "cf-access-",
    "proxy-",
    "remote-",
    "x-accel-",
    "x-auth-request-",
    "x-authentik-",
    "x-forwarded-",
    "x-goog-",
    "x-original-",
    "x-pomerium-",
)
"""Beginnings of names of orders to a proxy, of forwarding and of identity."""
_KEPT: Final = frozenset({"x-accel-buffering"})
_VALUE: Final = re.compile(r"[\t -~]*")
_SEPARATORS: Final = str.maketrans("_.", "--")


def kept_headers(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """The headers that the client receives, apart from the session id, as far as they are visible ASCII."""
    removed = {
        name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",") if name.strip()
    }
    kept: CIMultiDict[str] = CIMultiDict()
    for name, value in headers.items():
        if _may_pass(name) and name.lower() not in removed and _VALUE.fullmatch(value) is not None:
            kept.add(name, value)
    return kept


@lru_cache(256)
def _may_pass(name: str) -> bool:
    lower = name.lower()
    folded = lower.translate(_SEPARATORS)
    if folded in _REMOVED or is_identity_header(name):
        return False
    return lower in _KEPT or not folded.startswith(_REMOVED_BEGINNINGS)


def for_stream(kept: CIMultiDict[str]) -> CIMultiDict[str]:
    """Complete the headers of a stream of events: no proxy may cache, change or buffer it."""
    kept["Cache-Control"] = "no-cache, no-transform"
    kept["X-Accel-Buffering"] = "no"
    return kept
