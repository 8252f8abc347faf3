"""The JWKS of the guard's own keys, for servers that verify its assertions.

It is below the resource's own path, because RFC 8615 leaves the names under /.well-known/ to its registry, and because
the same origin may have an issuer, whose JWKS is at /.well-known/jwks.json, and several resources. The `jwks_uri` of
the protected-resource metadata names it (RFC 9728 section 2). Where the origin is the guard's alone,
/.well-known/jwks.json answers alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from mcp_service.principal.key_lifecycle import JWKS_MAX_AGE_SECONDS

if TYPE_CHECKING:
    from mcp_service.principal.own_keys import OwnKeysSource

FILE: Final = "/jwks.json"
ORIGIN_PATH: Final = "/.well-known/jwks.json"


class OwnJwksEndpoint:
    """Answers GET with the JWKS: the same response for all clients, without authentication."""

    def __init__(self, *, keys: OwnKeysSource, resource_path: str) -> None:
        self._keys = keys
        self._path = resource_path + FILE

    def routes(self) -> list[web.RouteDef]:
        """The routes of both addresses."""
        return [web.get(self._path, self.show), web.get(ORIGIN_PATH, self.show)]

    async def show(self, request: web.Request) -> web.Response:
        """Answer 200, or 304 if the client has the current keys. Raises ServiceUnavailable before they are loaded."""
        keys = self._keys.keys
        headers = {"Cache-Control": f"public, max-age={JWKS_MAX_AGE_SECONDS}", "ETag": keys.etag}
        if request.headers.get("If-None-Match") == keys.etag:
            return web.Response(status=304, headers=headers)
        return web.Response(body=keys.jwks, content_type="application/json", headers=headers)
