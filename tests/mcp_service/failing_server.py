"""A server whose tool fails while its variables hold secrets."""

from mcp.server import MCPServer

from tests.support.canaries import fail_with_secrets

server = MCPServer("failing")


@server.tool()
async def fail(password: str) -> str:
    """Fail."""
    fail_with_secrets()
    return password
