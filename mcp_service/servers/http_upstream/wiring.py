"""Builds the server over HTTP from the settings."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mcp_service.servers.http_upstream.address import read_address
from mcp_service.servers.http_upstream.availability import Availability
from mcp_service.servers.http_upstream.capacity import Capacity
from mcp_service.servers.http_upstream.connections import UpstreamConnections
from mcp_service.servers.http_upstream.metrics import UpstreamMetrics
from mcp_service.servers.http_upstream.passed_lists import PassedLists
from mcp_service.servers.http_upstream.server import AnswerRules, HttpUpstreamServer, Outgoing
from mcp_service.servers.http_upstream.sessions import SessionBinding

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp.abc import AbstractResolver

    from mcp_service.principal.handover import PrincipalHandover
    from mcp_service.runtime import Runtime
    from mcp_service.servers.list_policy import ListPolicy

_KEY_BYTES = 32


def build_http_upstream(
    runtime: Runtime,
    url: str,
    *,
    lists: ListPolicy,
    principal: PrincipalHandover,
    make_resolver: Callable[[], AbstractResolver],
) -> HttpUpstreamServer:
    """Build the server at `url`. `make_resolver` needs a running loop. Raises Misconfigured."""
    settings = runtime.settings
    address = read_address(url, settings)
    key = settings.upstream_session_key
    metrics = UpstreamMetrics(runtime.registry)
    availability = Availability(
        address, connect_seconds=settings.upstream_connect_seconds, make_resolver=make_resolver, log=runtime.log
    )
    metrics.watch(lambda: availability.is_available)
    resource = urlsplit(settings.resource)
    return HttpUpstreamServer(
        outgoing=Outgoing(
            address=address,
            resource_scheme=resource.scheme,
            resource_host=resource.netloc,
            configured=settings.upstream_header_map(),
            principal=principal,
            sessions=SessionBinding(
                os.urandom(_KEY_BYTES) if key is None else key.get_secret_value().encode(), server=url
            ),
        ),
        connections=UpstreamConnections(
            address,
            connect_seconds=settings.upstream_connect_seconds,
            response_seconds=settings.upstream_response_seconds,
            make_resolver=make_resolver,
            monotonic=runtime.monotonic,
        ),
        answers=AnswerRules(settings.upstream_idle_seconds, settings.upstream_max_response_bytes, PassedLists(lists)),
        capacity=Capacity(settings.upstream_max_requests, metrics.in_progress),
        availability=availability,
        metrics=metrics,
    )
