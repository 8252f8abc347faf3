"""The tool behind FastMCP and its JWT verifier, run by a Python of its own: LOOP ISSUER RESOURCE PORT.

Set up as FastMCP's documentation says for production, without sessions. Its log is as quiet as ours is here, and it has
httptools, as mcp_service has aiohttp's parser in C. LOOP is `asyncio`, on which FastMCP 4.2.3 runs by itself although
uvloop is installed, or `uvloop`, which mcp_service uses.
"""

import asyncio
import sys

import uvloop
from fastmcp import FastMCP
from fastmcp.server.auth.providers.jwt import JWTVerifier

from tests.benchmarks.same_tool.forecast import forecast


def main(loop: str, issuer: str, resource: str, port: int) -> None:
    """Serve until told to stop."""
    verifier = JWTVerifier(
        jwks_uri=f"{issuer}/.well-known/jwks.json",
        issuer=issuer,
        audience=resource,
        algorithm="RS256",
        required_scopes=["weather:read"],
    )
    server = FastMCP("forecast", auth=verifier)
    server.tool()(forecast)
    serving = server.run_http_async(
        transport="http",
        host="127.0.0.1",
        port=port,
        path="/mcp",
        stateless_http=True,
        json_response=True,
        show_banner=False,
        log_level="warning",
        uvicorn_config={"access_log": False, "http": "httptools", "timeout_keep_alive": 60},
    )
    (uvloop.run if loop == "uvloop" else asyncio.run)(serving)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]))
