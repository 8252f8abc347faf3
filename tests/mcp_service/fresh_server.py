"""A new server for each service: settings of one service that change its lists do not reach the next."""

from mcp.server import MCPServer

from tests.mcp_service import mixed_server


def make_server() -> MCPServer:
    """The tools and the resource of the server of mixed access."""
    server = MCPServer("fresh")
    for tool in (mixed_server.clock, mixed_server.look, mixed_server.change):
        server.tool()(tool)
    server.resource("t://about")(mixed_server.about)
    return server
