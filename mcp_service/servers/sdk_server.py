"""A server of the mcp SDK, as an application for this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp.server.transport_security import TransportSecuritySettings

from mcp_service.servers.direct_call import DirectCalls
from mcp_service.servers.in_process import InProcessApplication, list_middleware, trace_where_needed
from mcp_service.servers.session_manager import session_manager_lifespan

if TYPE_CHECKING:
    from mcp_service.servers.list_policy import ListPolicy
    from mcp_service.servers.loading import SdkServer


def sdk_application(
    server: SdkServer, *, lists: ListPolicy, stateful: bool, json_response: bool, max_body_bytes: int
) -> InProcessApplication:
    """The application. `tools/list` states the scopes of each tool."""
    trace_where_needed(server.middleware)
    # The first is the outermost: it sees the result that the client would get.
    server.middleware.insert(0, list_middleware(lists))
    server.streamable_http_app(
        stateless_http=not stateful,
        json_response=json_response,
        max_request_body_size=max_body_bytes,
        # The guard checks Origin, and Host decides nothing here (invariant 1).
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    manager = server.session_manager
    return InProcessApplication(manager.handle_request, lambda: session_manager_lifespan(manager), DirectCalls(manager))
