"""Whether the server accepts connections, for `/readyz`.

A replica that has never reached the server is not ready: its address may be wrong, and one with other settings serves
better. Afterwards it is impaired at most, because all replicas share the server: otherwise a load balancer would have
no replica for the metadata, the challenges and the errors that name the cause.

A connection is opened and closed, if the name leads where requests may go. No request is sent: which one means nothing
to a server depends on its revision of MCP.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, Final

from shared.http.health import Readiness
from shared.ip_addresses import parse_ip_address

if TYPE_CHECKING:
    from collections.abc import Callable

    import structlog
    from aiohttp.abc import AbstractResolver

    from mcp_service.servers.http_upstream.address import UpstreamAddress

CHECK_SECONDS: Final = 2.0
"""Between two checks."""

_NOT_CHECKED: Final = "not checked yet"
_UNKNOWN_AUTHORITY: Final = frozenset({18, 19, 20, 21})
"""Codes of OpenSSL for a certificate of an authority that is not trusted, and of none."""
_NO_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"})
"""Reasons of OpenSSL, by version, for an answer that is no TLS."""


class Availability:
    """The result of the last check, and the loop that makes them."""

    def __init__(
        self,
        address: UpstreamAddress,
        *,
        connect_seconds: float,
        make_resolver: Callable[[], AbstractResolver],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._address = address
        self._connect_seconds = connect_seconds
        self._make_resolver = make_resolver
        self._log = log
        self._problem: str | None = _NOT_CHECKED
        self._was_reached = False

    @property
    def is_available(self) -> bool:
        """Whether the last connection succeeded."""
        return self._problem is None

    def readiness(self) -> Readiness:
        """The note holds no secret: it is the reason of the operating system."""
        is_away = self._problem is not None
        return Readiness(ready=self._was_reached, note=self._problem or "", impaired=self._was_reached and is_away)

    def refused(self, reason: str) -> None:
        """A request was refused: the next check decides again."""
        self._set(reason)

    async def watch(self) -> None:
        """Check again and again."""
        while True:
            self._set(await self._check())
            await asyncio.sleep(CHECK_SECONDS)

    async def _check(self) -> str | None:
        try:
            async with asyncio.timeout(self._connect_seconds):
                await self._connect()
        except TimeoutError:
            return f"no connection within {self._connect_seconds:g} s"
        except ssl.SSLCertVerificationError as exc:
            hint = ": set MCP_UPSTREAM_CA_FILE to its authority" if exc.verify_code in _UNKNOWN_AUTHORITY else ""
            return f"TLS: {exc.verify_message}{hint}"
        except ssl.SSLError as exc:
            hint = ": does the server speak http?" if exc.reason in _NO_TLS else ""
            return f"TLS: {exc.reason or type(exc).__name__}{hint}"
        except OSError as exc:
            return f"{type(exc).__name__}: {exc}"[:200]
        return None

    async def _connect(self) -> None:
        address = self._address
        if address.socket is not None:
            _, writer = await asyncio.open_unix_connection(address.socket)
        else:
            host, port = address.url.raw_host or "", address.url.port or 0
            if parse_ip_address(host) is None:
                # The resolver of the requests: it refuses a name of addresses that may not be told the principal.
                await self._make_resolver().resolve(host, port, socket.AF_UNSPEC)
            _, writer = await asyncio.open_connection(host, port, ssl=address.tls)
        writer.close()

    def _set(self, problem: str | None) -> None:
        if problem is None and self._problem is not None:
            self._log.info("upstream_available")
        elif problem is not None and self._problem in {None, _NOT_CHECKED}:
            self._log.warning("upstream_unavailable", reason=problem)
        self._problem = problem
        self._was_reached = self._was_reached or problem is None
