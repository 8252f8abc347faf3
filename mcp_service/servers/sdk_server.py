"""A server of the mcp SDK, as an application for this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.transport_security import TransportSecuritySettings

from mcp_service.servers.direct_call import DirectCalls
from mcp_service.servers.in_process import list_middleware, trace_where_needed
from mcp_service.servers.server_lifespan import ApplicationAndLifespan, SupervisedApplication

if TYPE_CHECKING:
    from mcp_service.servers.list_policy import ListPolicy
    from mcp_service.servers.loading import SdkServer


def sdk_application(
    server: SdkServer, *, lists: ListPolicy, stateful: bool, json_response: bool, max_body_bytes: int
) -> tuple[SupervisedApplication, DirectCalls]:
    """The application, and what answers beside it. `tools/list` states the scopes of each tool."""
    trace_where_needed(server.middleware)
    # The first is the outermost: it sees the result that the client would get.
    server.middleware.insert(0, list_middleware(lists))

    def make() -> ApplicationAndLifespan:
        server.streamable_http_app(
            stateless_http=not stateful,
            json_response=json_response,
            max_request_body_size=max_body_bytes,
            # The guard checks Origin, and Host decides nothing here (invariant 1).
            transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
        )
        manager = server.session_manager
        return manager.handle_request, manager.run

    application = SupervisedApplication(make)
    return application, DirectCalls(server.session_manager, application)
