"""mcp_service in front of a server that the scenarios are run against, and a proxy that adds tokens."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from structlog.testing import capture_logs

from mcp_service.app import build_app
from mcp_service.settings import McpSettings
from tests.conformance.token_proxy import TokenProxy
from tests.mcp_service.conftest import RESOURCE, Service
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer, new_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def guarded(scope: str, **settings: Any) -> AsyncIterator[str]:
    """The service with these settings; the address at which every request gets a token with this scope.

    Fails if the service logged an error that it did not expect.
    """
    key = new_key()
    issuer = LocalIssuer()
    await issuer.publish(key)
    await issuer.start()
    chosen: dict[str, Any] = {"issuer": issuer.url, "resource": RESOURCE, "port": 0, **settings}
    token_issuer = LocalTokenIssuer(issuer=issuer.url, resource=RESOURCE, key=key)
    with capture_logs() as entries:
        service = Service(build_app(McpSettings(**chosen)), issuer, token_issuer, entries)
        await service.start()
        try:
            async with TokenProxy(service.url, lambda: token_issuer.issue(scope=scope)) as proxy:
                yield proxy.url
        finally:
            await service.stop()
            await issuer.stop()
    assert not [entry for entry in entries if entry.get("event") == "unexpected"]
