"""The order of the examination: what is asked first, and what each answer leads to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from sallyport_doctor.addresses import is_absolute, split
from sallyport_doctor.challenge import bearer_challenge
from sallyport_doctor.could_not_look import CouldNotLook
from sallyport_doctor.exchange import Failure
from sallyport_doctor.observation import HostSeen, Observation
from sallyport_doctor.probes.cors import ask_cors
from sallyport_doctor.probes.endpoint import ask_endpoint
from sallyport_doctor.probes.endpoints import ask_endpoints
from sallyport_doctor.probes.metadata import ask_key_set, ask_resource_metadata, ask_server_metadata
from sallyport_doctor.probes.network import is_private, look_at_host
from sallyport_doctor.probes.user_agents import ask_as_clients

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.names import Names


async def examine(
    url: str,
    *,
    asker: Asker,
    names: Names,
    tls: ssl.SSLContext | None = None,
    now: Callable[[], float] = time.time,
) -> Observation:
    """Look at a server from outside, with nothing but its address. Raises CouldNotLook."""
    check_address(url)
    try:
        host = await look_at_host(names, url, tls=tls)
    except OSError as exc:
        raise CouldNotLook(f"the host of {url} does not resolve: {exc.strerror or exc}") from exc
    if is_private(host):
        asker.allow_private()
    mcp = await ask_endpoint(asker, url)
    if all(e.failure is not None for e in mcp.values()) and (host.tls is None or not host.tls.problem):
        raise CouldNotLook(_nothing_came(url, mcp["tools/list"]))
    named = _named_metadata(mcp["tools/list"].header("WWW-Authenticate"))
    resource_metadata = await ask_resource_metadata(asker, url, named=named)
    seen = Observation(url=url, now=now(), hosts=(host,), mcp=mcp, resource_metadata=resource_metadata)
    issuer = seen.issuer_asked
    server_metadata = await ask_server_metadata(asker, url, issuer) if issuer else {}
    seen = replace(seen, server_metadata=server_metadata)
    metadata = seen.metadata or {}
    documents = _documents(seen)
    return replace(
        seen,
        hosts=(host, *await _other_host(names, issuer, host, tls)),
        key_set=await ask_key_set(asker, metadata.get("jwks_uri")),
        endpoints=await ask_endpoints(asker, metadata, resource=url),
        cors=await ask_cors(asker, url, documents=documents, metadata=metadata),
        user_agents=await ask_as_clients(asker, next(iter(documents.values()))) if documents else {},
    )


def check_address(url: str) -> None:
    """Raise CouldNotLook unless people can paste this address into a client."""
    if not is_absolute(url):
        hint = f": did you mean https://{url}?" if is_absolute(f"https://{url}") and "://" not in url else ""
        raise CouldNotLook(f"{url!r} is not an http or https address{hint}")
    parts = split(url)
    if parts.username is not None or parts.password is not None:
        raise CouldNotLook("the address holds a user's name or password: clients send none, leave it out")
    if parts.fragment:
        raise CouldNotLook("the address has a fragment (#…): clients send none, leave it out")


def _nothing_came(url: str, exchange: Exchange) -> str:
    hints: dict[Failure | None, str] = {
        Failure.REFUSED: "Is the server running, and is the port right?",
        Failure.TIMEOUT: "Is the server running, and does a firewall let this machine in? --timeout waits longer.",
        Failure.BROKEN: f"Does it speak {split(url).scheme} there? {exchange.detail}",
    }
    return f"nothing to look at: {url}: {exchange.failure}. {hints.get(exchange.failure, exchange.detail)}".rstrip()


def _named_metadata(header: str | None) -> str | None:
    challenge = bearer_challenge(header)
    return challenge.parameters.get("resource_metadata") if challenge is not None else None


async def _other_host(
    names: Names, issuer: str | None, first: HostSeen, tls: ssl.SSLContext | None
) -> tuple[HostSeen, ...]:
    """The authorization server's host, when it is another one and resolves."""
    if not issuer or not is_absolute(issuer):
        return ()
    try:
        host = await look_at_host(names, issuer, tls=tls)
    except OSError:
        return ()
    return (host,) if host.host != first.host else ()


def _documents(seen: Observation) -> dict[str, str]:
    """The metadata documents that were found, one of each kind."""
    found: dict[str, str] = {}
    for form in ("path", "root", "named"):
        exchange = seen.resource_metadata.get(form)
        if exchange is not None and exchange.ok and exchange.document is not None:
            found.setdefault("resource metadata", exchange.url)
    if seen.metadata_exchange is not None:
        found["server metadata"] = seen.metadata_exchange.url
    return found
