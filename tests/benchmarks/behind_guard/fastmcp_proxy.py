"""FastMCP as a proxy with its JWT verifier, run by a Python of its own: ISSUER RESOURCE UPSTREAM PORT.

Set up like same_tool/fastmcp_server.py. FastMCP opens a client of its own for each request, so that callers share
nothing; most of its time goes into the TLS context of each, whether the URL needs one or not.
"""

import sys

import uvloop
from fastmcp.server import create_proxy
from fastmcp.server.auth.providers.jwt import JWTVerifier


def main(issuer: str, resource: str, upstream: str, port: int) -> None:
    """Serve until told to stop."""
    verifier = JWTVerifier(
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        issuer=issuer,
        audience=resource,
        algorithm="RS256",
        required_scopes=["mcp:tools"],
    )
    proxy = create_proxy(upstream, name="forecast", auth=verifier)
    serving = proxy.run_http_async(
        transport="http",
        host="127.0.0.1",
        port=port,
        path="/mcp",
        stateless_http=True,
        json_response=True,
        show_banner=False,
        log_level="warning",
        uvicorn_config={"access_log": False},
    )
    # By itself FastMCP 4.2.3 runs on the loop of the standard library.
    uvloop.run(serving)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
