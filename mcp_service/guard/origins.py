"""Which pages may call from a browser (MCP transports; against DNS rebinding). Pure."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from shared.configured_url import is_loopback_host, origin_of


class AllowedOrigins:
    """This server's own origin, loopback pages (the Inspector and its like), and the configured ones."""

    def __init__(self, resource: str, configured: Iterable[str]) -> None:
        self._allowed = frozenset({origin_of(resource), *configured})

    def allows(self, origin: str) -> bool:
        """Whether a present `Origin` header is one of them. A missing header is no page and needs no asking."""
        return "*" in self._allowed or origin in self._allowed or _is_loopback_page(origin)


def _is_loopback_page(origin: str) -> bool:
    # A rebinding attacker's page keeps its own name in Origin, so the names of this machine are safe to allow.
    try:
        parts = urlsplit(origin)
        return (
            parts.scheme in {"http", "https"}
            and parts.path == ""
            and parts.username is None
            and (parts.port is None or parts.port > 0)
            and is_loopback_host(parts.hostname or "")
        )
    except ValueError:
        return False
