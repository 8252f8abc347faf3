"""Names, addresses and certificates of the hosts that a server lives on."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import Reach, reach_of, split
from sallyport_doctor.observation import HostSeen, TlsSeen

if TYPE_CHECKING:
    from sallyport_doctor.names import Names

_CONNECT_SECONDS: Final = 10
_EXPIRED: Final = 10
_WRONG_NAME: Final = 62
"""Verification codes of OpenSSL (X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH)."""


async def look_at_host(names: Names, url: str, *, tls: ssl.SSLContext | None = None) -> HostSeen:
    """Resolve the host of a URL and, for https, shake hands once. Raises OSError when the name does not resolve."""
    parts = split(url)
    host = parts.hostname or ""
    addresses = await names.addresses(host)
    reach = reach_of(host, addresses)
    seen = HostSeen(host=host, addresses=addresses, reach=reach)
    if parts.scheme != "https":
        return seen
    handshake = await _shake_hands(names, host, parts.port or 443, tls or ssl.create_default_context())
    return HostSeen(host=host, addresses=addresses, reach=reach, tls=handshake)


def is_private(seen: HostSeen) -> bool:
    """Whether the host is on this machine or a private network: the person's own, then."""
    return seen.reach is not Reach.PUBLIC


async def _shake_hands(names: Names, host: str, port: int, context: ssl.SSLContext) -> TlsSeen | None:
    """None when nothing could be reached at all: that is told by the requests themselves."""
    addresses = await names.dial(host)
    try:
        _reader, writer = await asyncio.wait_for(
            asyncio.open_connection(addresses[0], port, ssl=context, server_hostname=host), _CONNECT_SECONDS
        )
    except ssl.SSLCertVerificationError as exc:
        problem = {_EXPIRED: "expired", _WRONG_NAME: "wrong-name"}.get(exc.verify_code, "untrusted")
        return TlsSeen(problem=problem, detail=exc.verify_message)
    except ssl.SSLError as exc:
        return TlsSeen(problem="failed", detail=str(exc.reason or exc))
    except (OSError, TimeoutError):
        return None
    certificate = writer.get_extra_info("peercert") or {}
    writer.close()
    ends = certificate.get("notAfter")
    return TlsSeen(expires_at=ssl.cert_time_to_seconds(ends) if ends else None)
