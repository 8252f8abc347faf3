"""A small server without faults: authorization server and MCP endpoint on one origin. Each fault is a subclass."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from tests.sallyport_doctor.faulty_servers.endpoint import Endpoint
from tests.sallyport_doctor.faulty_servers.flow import Flow

if TYPE_CHECKING:
    from collections.abc import Mapping

ALLOWED = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id"
)


def faulty(*findings):
    """Declare the exact set of findings that a model yields."""

    def mark(kind):
        kind.finds = frozenset(findings)
        return kind

    return mark


class HealthyServer(Flow, Endpoint):
    """Subclasses override one method to introduce one fault."""

    mcp_path = "/mcp"
    options: Mapping[str, Any] = MappingProxyType({})
    """The RunOptions that the fault needs to show; most need none."""

    def __init__(self):
        super().__init__()
        self.origin = ""
        self._server = None

    # Identity.

    @property
    def resource(self):
        return self.origin + self.mcp_path

    @property
    def entered(self):
        """The URL that the user enters."""
        return self.resource

    @property
    def issuer(self):
        return self.origin

    # Metadata.

    def resource_metadata(self):
        return {
            "resource": self.resource,
            "authorization_servers": [self.issuer],
            "scopes_supported": ["notes:read", "notes:write"],
            "bearer_methods_supported": ["header"],
        }

    def metadata(self):
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.origin}/authorize",
            "token_endpoint": f"{self.origin}/token",
            "registration_endpoint": f"{self.origin}/register",
            "revocation_endpoint": f"{self.origin}/revoke",
            "jwks_uri": f"{self.origin}/jwks.json",
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
            "client_id_metadata_document_supported": True,
            "authorization_response_iss_parameter_supported": True,
            "scopes_supported": ["notes:read", "notes:write", "offline_access"],
        }

    def challenge(self, *, error=None):
        parts = [f'resource_metadata="{self.metadata_url}"', 'scope="notes:read"']
        if error:
            parts.insert(0, f'error="{error}"')
        return "Bearer " + ", ".join(parts)

    @property
    def metadata_url(self):
        return f"{self.origin}/.well-known/oauth-protected-resource{self.mcp_path}"

    # Handlers. Each takes the request and returns a response.

    async def answer_resource_metadata(self, request):
        return web.json_response(self.resource_metadata())

    async def answer_root_resource_metadata(self, request):
        return await self.answer_resource_metadata(request)

    async def answer_metadata(self, request):
        return web.json_response(self.metadata())

    async def answer_openid(self, request):
        return await self.answer_metadata(request)

    async def answer_at_resource(self, request):
        return await self.answer_metadata(request)

    async def answer_key_set(self, request):
        return web.json_response(self.key_set(), headers={"Cache-Control": "public, max-age=300"})

    async def answer_preflight(self, request):
        return web.Response(
            status=204,
            headers={
                "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
                "Access-Control-Allow-Headers": ALLOWED,
            },
        )

    def cors(self, request, response):
        """Headers for pages of other origins."""
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = "WWW-Authenticate, Mcp-Session-Id"

    def routes(self):
        # The methods are looked up when they are called, so that a subclass may replace any of them.
        wanted = {
            ("GET", f"/.well-known/oauth-protected-resource{self.mcp_path}"): "answer_resource_metadata",
            ("GET", "/.well-known/oauth-protected-resource"): "answer_root_resource_metadata",
            ("GET", "/.well-known/oauth-authorization-server"): "answer_metadata",
            ("GET", "/.well-known/openid-configuration"): "answer_openid",
            ("GET", f"/.well-known/oauth-authorization-server{self.mcp_path}"): "answer_at_resource",
            ("GET", "/jwks.json"): "answer_key_set",
            ("POST", self.mcp_path): "answer_mcp",
            ("POST", f"{self.mcp_path}/"): "answer_mcp",
            ("GET", "/authorize"): "answer_authorize",
            ("POST", "/decide"): "answer_decide",
            ("POST", "/token"): "answer_token",
            ("POST", "/register"): "answer_register",
            ("DELETE", "/register/{client_id}"): "answer_unregister",
            ("POST", "/revoke"): "answer_revoke",
            ("POST", "/introspect"): "answer_introspect",
        }
        return {key: name for key, name in wanted.items() if key not in self.missing_routes()}

    def missing_routes(self):
        return frozenset()

    # Server lifecycle.

    @web.middleware
    async def _surround(self, request, handler):
        if request.method == "OPTIONS":
            response = await self.answer_preflight(request)
        else:
            try:
                response = await handler(request)
            except web.HTTPException as exc:
                response = web.json_response({"error": "not_found"}, status=exc.status)
        self.cors(request, response)
        return response

    async def start(self, *, ssl=None, host="localhost"):
        app = web.Application(middlewares=[self._surround])
        for (method, path), name in self.routes().items():
            app.router.add_route(method, path, getattr(self, name))
        self._server = TestServer(app, host="127.0.0.1")
        await self._server.start_server(ssl=ssl)
        self.origin = f"{'https' if ssl else 'http'}://{host}:{self._server.port}"

    @property
    def port(self):
        return self._server.port

    async def stop(self):
        await self._server.close()


LOGIN = MappingProxyType({"login": True})
REGISTER = MappingProxyType({"register": True})


class Registering(HealthyServer):
    """Base class of faults that show only with --register."""

    options = REGISTER


class SigningIn(HealthyServer):
    """Base class of faults that show only with --login."""

    options: Mapping[str, Any] = LOGIN
