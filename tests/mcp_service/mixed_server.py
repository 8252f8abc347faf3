"""A server of mixed access for the tests: one public tool, one for readers, one for writers."""

from mcp.server import MCPServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp_types import ToolAnnotations

server = MCPServer("mixed")

scopes = {
    "scopes": {"t:read": "Read", "t:write": {"description": "Write", "implies": ["t:read"]}},
    "default": "t:read",
    "tools": {"clock": "public", "change": "t:write"},
    "resources": {"t://about": "public"},
}


@server.tool(annotations=ToolAnnotations(read_only_hint=True), meta={"own": 1})
async def clock() -> str:
    """Public."""
    token = get_access_token()
    return "twelve" if token is None else f"twelve, {token.subject}"


@server.tool()
async def look() -> str:
    """Named nowhere: the default."""
    return "seen"


@server.tool()
async def change() -> str:
    """Writers only."""
    return "changed"


@server.resource("t://about")
def about() -> str:
    """Public."""
    return "about"


def make_server() -> MCPServer:
    """The same by a function."""
    return server


not_a_server = 5
