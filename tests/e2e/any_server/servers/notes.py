"""The Python SDK's server with two tools of the notes example. Argument: a port, which serves HTTP, or `stdio`."""

import sys

from mcp.server import MCPServer

server = MCPServer("Notes")
kept: list[str] = []


@server.tool()
def list_notes() -> list[str]:
    """List the notes."""
    return kept


@server.tool()
def add_note(text: str) -> str:
    """Add a note."""
    kept.append(text)
    return text


if sys.argv[1] == "stdio":
    server.run("stdio")
else:
    server.run("streamable-http", port=int(sys.argv[1]), stateless_http=True)
