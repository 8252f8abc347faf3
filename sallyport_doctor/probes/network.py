"""DNS and TLS of the hosts of a server."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Final

from sallyport_doctor.addresses import Reach, reach_of, split
from sallyport_doctor.evidence import HostEvidence, TlsEvidence

if TYPE_CHECKING:
    from sallyport_doctor.dns import DnsResolver

_CONNECT_SECONDS: Final = 10
_EXPIRED: Final = 10
_WRONG_NAME: Final = 62
"""Verification codes of OpenSSL (X509_V_ERR_CERT_HAS_EXPIRED, X509_V_ERR_HOSTNAME_MISMATCH)."""


async def probe_host(dns: DnsResolver, url: str, *, tls: ssl.SSLContext | None = None) -> HostEvidence:
    """Resolve the host of a URL and, for https, do one TLS handshake. Raises OSError when the host does not resolve."""
    parts = split(url)
    host = parts.hostname or ""
    addresses = await dns.addresses(host)
    reach = reach_of(host, addresses)
    host_evidence = HostEvidence(host=host, addresses=addresses, reach=reach)
    if parts.scheme != "https":
        return host_evidence
    handshake = await _handshake(dns, host, parts.port or 443, tls or ssl.create_default_context())
    return HostEvidence(host=host, addresses=addresses, reach=reach, tls=handshake)


def is_private(host_evidence: HostEvidence) -> bool:
    """Whether the host is on this machine or a private network."""
    return host_evidence.reach is not Reach.PUBLIC


async def _handshake(dns: DnsResolver, host: str, port: int, context: ssl.SSLContext) -> TlsEvidence | None:
    """Do one TLS handshake; None when the host is unreachable, which the exchanges record."""
    address, connect_port = (await dns.sockets(host, port))[0]
    try:
        _reader, writer = await asyncio.wait_for(
            asyncio.open_connection(address, connect_port, ssl=context, server_hostname=host), _CONNECT_SECONDS
        )
    except ssl.SSLCertVerificationError as exc:
        problem = {_EXPIRED: "expired", _WRONG_NAME: "wrong-name"}.get(exc.verify_code, "untrusted")
        return TlsEvidence(problem=problem, detail=exc.verify_message)
    except ssl.SSLError as exc:
        return TlsEvidence(problem="failed", detail=str(exc.reason or exc))
    except (OSError, TimeoutError):
        return None
    certificate = writer.get_extra_info("peercert") or {}
    writer.close()
    ends = certificate.get("notAfter")
    return TlsEvidence(expires_at=ssl.cert_time_to_seconds(ends) if ends else None)
