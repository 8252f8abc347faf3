"""FastMCP with the authorization server that it brings along, as its documentation sets it up. Argument: the port."""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth.providers.in_memory import InMemoryOAuthProvider
from mcp.server.auth.settings import ClientRegistrationOptions, RevocationOptions

port = int(sys.argv[1])
provider = InMemoryOAuthProvider(
    base_url=f"http://localhost:{port}",
    client_registration_options=ClientRegistrationOptions(
        enabled=True, valid_scopes=["notes:read"], default_scopes=["notes:read"]
    ),
    revocation_options=RevocationOptions(enabled=True),
    required_scopes=["notes:read"],
)
server = FastMCP("notes", auth=provider)


@server.tool  # type: ignore[untyped-decorator]  # FastMCP is installed apart
def whoami() -> str:
    """Name the caller."""
    return "ada"


server.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
