"""The examination without credentials: runs the probes in order, each based on the responses before it."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import is_absolute, split
from sallyport_doctor.challenge import bearer_challenge
from sallyport_doctor.evidence import Evidence, ExaminationError, HostEvidence
from sallyport_doctor.http_exchange import Failure
from sallyport_doctor.probes.cors import probe_cors
from sallyport_doctor.probes.mcp_endpoint import probe_mcp_endpoint, probe_other_urls
from sallyport_doctor.probes.metadata import (
    fetch_key_set,
    fetch_resource_metadata,
    fetch_server_metadata,
    probe_user_agents,
)
from sallyport_doctor.probes.network import is_private, probe_host
from sallyport_doctor.probes.oauth_endpoints import probe_oauth_endpoints

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sallyport_doctor.dns import DnsResolver
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe


async def examine(
    url: str,
    *,
    http: HttpProbe,
    dns: DnsResolver,
    tls: ssl.SSLContext | None = None,
    clock: Callable[[], float] = time.time,
) -> Evidence:
    """Examine a server, given its URL. Raises ExaminationError for an invalid URL or when nothing responds."""
    check_address(url)
    try:
        host = await probe_host(dns, url, tls=tls)
    except OSError as exc:
        raise ExaminationError(f"the host of {url} does not resolve: {exc.strerror or exc}") from exc
    if is_private(host):
        http.allow_private()
    mcp = await probe_mcp_endpoint(http, url)
    if all(e.failure is not None for e in mcp.values()) and (host.tls is None or not host.tls.problem):
        raise ExaminationError(_no_response(url, mcp["tools/list"]))
    named = _named_metadata(mcp["tools/list"].header("WWW-Authenticate"))
    resource_metadata = await fetch_resource_metadata(http, url, named=named)
    evidence = Evidence(url=url, now=clock(), hosts=(host,), mcp=mcp, resource_metadata=resource_metadata)
    if evidence.no_endpoint:
        evidence = replace(evidence, other_urls=await probe_other_urls(http, url, evidence.prm))
    issuer = evidence.requested_issuer
    server_metadata = await fetch_server_metadata(http, url, issuer) if issuer else {}
    evidence = replace(evidence, server_metadata=server_metadata)
    metadata = evidence.metadata or {}
    documents = _documents(evidence)
    return replace(
        evidence,
        hosts=(host, *await _other_host(dns, issuer, host, tls)),
        key_set=await fetch_key_set(http, metadata.get("jwks_uri")),
        oauth_endpoints=await probe_oauth_endpoints(http, metadata, resource=url),
        cors=await probe_cors(http, url, documents=documents, metadata=metadata),
        user_agents=await probe_user_agents(http, next(iter(documents.values()))) if documents else {},
    )


def check_address(url: str) -> None:
    """Raise ExaminationError unless this is an absolute http or https URL without credentials and fragment."""
    if not is_absolute(url):
        raise ExaminationError(f"{url!r} is not an http or https URL")
    parts = split(url)
    if parts.username is not None or parts.password is not None:
        raise ExaminationError("the URL contains a user name or password; clients do not send it, so leave it out")
    if parts.fragment:
        raise ExaminationError("the URL contains a fragment (#…); clients do not send it, so leave it out")


def _no_response(url: str, exchange: HttpExchange) -> str:
    hints: dict[Failure | None, str] = {
        Failure.REFUSED: "Is the server running, and is the port right?",
        Failure.TIMEOUT: "Is the server running, and does a firewall block this machine? See also --timeout.",
        Failure.PROTOCOL: f"Does this port use {split(url).scheme}? {exchange.detail}",
    }
    return f"no response from {url}: {exchange.failure}. {hints.get(exchange.failure, exchange.detail)}".rstrip()


def _named_metadata(header: str | None) -> str | None:
    challenge = bearer_challenge(header)
    return challenge.parameters.get("resource_metadata") if challenge is not None else None


async def _other_host(
    dns: DnsResolver, issuer: str | None, first: HostEvidence, tls: ssl.SSLContext | None
) -> tuple[HostEvidence, ...]:
    """The authorization server's host, if it differs from `first` and resolves."""
    if not issuer or not is_absolute(issuer):
        return ()
    try:
        host = await probe_host(dns, issuer, tls=tls)
    except OSError:
        return ()
    return (host,) if host.host != first.host else ()


def _documents(evidence: Evidence) -> dict[str, str]:
    """The URLs of the metadata documents that exist, one of each kind."""
    found: dict[str, str] = {}
    for form in ("path", "root", "named"):
        exchange = evidence.resource_metadata.get(form)
        if exchange is not None and exchange.ok and exchange.document is not None:
            found.setdefault("resource metadata", exchange.url)
    if evidence.metadata_exchange is not None:
        found["server metadata"] = evidence.metadata_exchange.url
    return found
