"""FastMCP that verifies the tokens of another authorization server. Arguments: the port, and the issuer's address."""

import sys

from fastmcp import FastMCP
from fastmcp.server.auth import RemoteAuthProvider
from fastmcp.server.auth.providers.jwt import JWTVerifier

port, issuer = int(sys.argv[1]), sys.argv[2]
origin = f"http://localhost:{port}"
verifier = JWTVerifier(
    jwks_uri=f"{issuer}/jwks", issuer=issuer, audience=f"{origin}/mcp", required_scopes=["notes:read"]
)
auth = RemoteAuthProvider(token_verifier=verifier, authorization_servers=[issuer], base_url=origin)
server = FastMCP("notes", auth=auth)


@server.tool  # type: ignore[untyped-decorator]  # FastMCP is installed apart
def whoami() -> str:
    """Name the caller."""
    return "ada"


server.run(transport="http", host="127.0.0.1", port=port, show_banner=False)
