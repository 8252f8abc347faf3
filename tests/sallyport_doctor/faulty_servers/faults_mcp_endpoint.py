"""Servers with a faulty first response."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.endpoint import TOOLS, rpc
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty


@faulty("mcp-redirected")
class RedirectsToSlash(HealthyServer):
    async def answer_mcp(self, request):
        if request.path == self.mcp_path:
            return web.Response(status=307, headers={"Location": f"{self.mcp_path}/"})
        return await super().answer_mcp(request)


@faulty("mcp-redirected-to-other-host")
class RedirectsToOtherHost(HealthyServer):
    async def answer_mcp(self, request):
        if request.path == self.mcp_path:
            return web.Response(status=308, headers={"Location": "https://elsewhere.example/mcp"})
        return await super().answer_mcp(request)


@faulty("challenge-is-sign-in-page")
class RedirectsToLogin(HealthyServer):
    def refuse(self, error):
        return web.Response(status=302, headers={"Location": "/login?next=/mcp"})


@faulty("challenge-is-sign-in-page")
class ShowsLoginPage(HealthyServer):
    def refuse(self, error):
        return web.Response(text="<!doctype html><form>Sign in</form>", content_type="text/html")


@faulty("challenge-wrong-status")
class Forbids(HealthyServer):
    def refuse(self, error):
        return web.json_response({"error": "forbidden"}, status=403)


@faulty("challenge-wrong-status")
class SaysBadRequest(HealthyServer):
    def refuse(self, error):
        return web.json_response({"error": "missing token"}, status=400)


@faulty("mcp-server-error")
class BreaksOnDiscover(HealthyServer):
    async def answer_mcp(self, request):
        if request.headers.get("Mcp-Method") == "server/discover":
            return web.json_response({"error": "oops"}, status=500)
        return await super().answer_mcp(request)


@faulty("mcp-not-found")
class NotThere(HealthyServer):
    async def answer_mcp(self, request):
        return web.json_response({"error": "not found"}, status=404)


@faulty("host-rejected")
class UnknownHost(HealthyServer):
    async def answer_mcp(self, request):
        return web.Response(text="Invalid Host header", status=421)


@faulty("origin-required")
class RequiresOrigin(HealthyServer):
    async def answer_mcp(self, request):
        if "Origin" not in request.headers:
            return web.Response(text="Origin missing", status=403)
        return await super().answer_mcp(request)


@faulty("token-not-required")
class RequiresNoToken(HealthyServer):
    def tools(self):
        """No tool declares securitySchemes, so access is not mixed."""
        return TOOLS[:1]

    async def answer_mcp(self, request):
        return await self.answer_call(request)


@faulty("server-open")
class OpenWithoutMetadata(HealthyServer):
    async def answer_mcp(self, request):
        return await self.answer_call(request)

    def missing_routes(self):
        return self.routes_of_wellknown() | {("GET", "/jwks.json")}

    def routes_of_wellknown(self):
        resource = "/.well-known/oauth-protected-resource"
        server = "/.well-known/oauth-authorization-server"
        paths = (
            resource,
            resource + self.mcp_path,
            server,
            server + self.mcp_path,
            "/.well-known/openid-configuration",
        )
        return {("GET", path) for path in paths}


@faulty("challenge-only-later")
class OpenHandshake(HealthyServer):
    async def answer_mcp(self, request):
        if (await request.json()).get("method") == "initialize":
            return await self.answer_call(request)
        return await super().answer_mcp(request)


@faulty("challenge-in-200")
class HidesRefusalInHeaderOf200(HealthyServer):
    def refuse(self, error):
        return web.json_response({}, headers={"WWW-Authenticate": self.challenge(error=error)})


@faulty("challenge-in-200")
class HidesRefusalInRpcError(HealthyServer):
    def refuse(self, error):
        return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32001, "message": "Unauthorized"}})


@faulty("unknown-token-accepted")
class AcceptsAnyToken(HealthyServer):
    def accepts(self, token):
        return True


@faulty("unknown-token-wrong-status")
class ForbidsBadTokens(HealthyServer):
    def refuse(self, error):
        return super().refuse(error) if error is None else web.json_response({"error": "bad token"}, status=403)


@faulty("unknown-token-without-error")
class SilentAboutBadTokens(HealthyServer):
    def challenge(self, *, error=None):
        return super().challenge()


@faulty("slash-variant-redirected")
class OtherSlashRedirects(HealthyServer):
    async def answer_mcp(self, request):
        if request.path.endswith("/"):
            return web.Response(status=307, headers={"Location": self.mcp_path})
        return await super().answer_mcp(request)


@faulty("slash-variant-missing")
class OtherSlashMissing(HealthyServer):
    def missing_routes(self):
        return {("POST", f"{self.mcp_path}/")}


@faulty("discover-without-current-version")
class OldVersionsOnly(HealthyServer):
    """Mixed access by design (tools declare securitySchemes), but discovery offers legacy versions only."""

    async def answer_mcp(self, request):
        method = (await request.json()).get("method")
        if method == "server/discover":
            return rpc({"supportedVersions": ["2025-06-18", "2025-11-25"], "capabilities": {}})
        if method == "tools/list":
            return rpc({"tools": [{"name": "whoami", "securitySchemes": [], "_meta": {"securitySchemes": []}}]})
        return await self.answer_call(request)


@faulty("challenge-header-missing")
class NoHeader(HealthyServer):
    def refuse(self, error):
        return web.json_response({"error": "unauthorized"}, status=401)


@faulty("challenge-header-renamed")
class RenamedByGateway(HealthyServer):
    """AWS API Gateway renames the header of its integrations."""

    def refuse(self, error):
        response = super().refuse(error)
        response.headers["x-amzn-Remapped-WWW-Authenticate"] = response.headers.pop("WWW-Authenticate")
        return response


@faulty("challenge-metadata-repeated")
class MetadataNamedTwice(HealthyServer):
    """A layer in front adds the parameter to a challenge that has it."""

    def challenge(self, *, error=None):
        root = f"{self.origin}/.well-known/oauth-protected-resource"
        return f'{super().challenge(error=error)}, resource_metadata="{root}"'


@faulty("challenge-metadata-repeated")
class TwoChallenges(HealthyServer):
    """Two headers disagree."""

    def refuse(self, error):
        response = super().refuse(error)
        root = f"{self.origin}/.well-known/oauth-protected-resource"
        response.headers.add("WWW-Authenticate", f'Bearer resource_metadata="{root}"')
        return response


@faulty("challenge-malformed")
class UnreadableHeader(HealthyServer):
    def challenge(self, *, error=None):
        return '"Bearer"; please sign in'


@faulty("challenge-not-bearer")
class BasicChallenge(HealthyServer):
    def challenge(self, *, error=None):
        return 'Basic realm="mcp"'


@faulty("challenge-without-resource-metadata")
class BareBearer(HealthyServer):
    def challenge(self, *, error=None):
        return f'Bearer scope="notes:read", error="{error}"' if error else 'Bearer scope="notes:read"'


@faulty("challenge-error-without-credential")
class ErrorWithoutCredential(HealthyServer):
    def challenge(self, *, error=None):
        return super().challenge(error="invalid_token")


@faulty("challenge-without-scope")
class NoScope(HealthyServer):
    def challenge(self, *, error=None):
        return super().challenge(error=error).replace(', scope="notes:read"', "")


@faulty("challenge-scope-offline-access")
class OfflineAccessInChallenge(HealthyServer):
    def challenge(self, *, error=None):
        return super().challenge(error=error).replace("notes:read", "notes:read offline_access")


@faulty("challenge-scope-not-advertised")
class UnknownScope(HealthyServer):
    def metadata(self):
        document = super().metadata()
        return document | {"scopes_supported": [*document["scopes_supported"], "notes:admin"]}

    def challenge(self, *, error=None):
        return super().challenge(error=error).replace("notes:read", "notes:read notes:admin")


@faulty("challenge-metadata-relative")
class RelativeMetadata(HealthyServer):
    def challenge(self, *, error=None):
        return super().challenge(error=error).replace(self.origin, "")


@faulty("challenge-metadata-unreachable")
class MetadataElsewhereMissing(HealthyServer):
    @property
    def metadata_url(self):
        return f"{self.origin}/metadata.json"


@faulty("challenge-metadata-not-path-form")
class MetadataNamedAtRoot(HealthyServer):
    @property
    def metadata_url(self):
        return f"{self.origin}/.well-known/oauth-protected-resource"


@faulty("server-open")
class OpenWithSessions(OpenWithoutMetadata):
    """The legacy revision with SDK defaults: each call carries the session id of its handshake."""

    async def answer_mcp(self, request):
        call = await request.json()
        if call.get("method") == "server/discover":
            return web.json_response({"error": "unsupported version"}, status=400)
        if call.get("method") == "initialize":
            response = await self.answer_call(request)
            response.headers["Mcp-Session-Id"] = "session-1"
            return response
        if request.headers.get("Mcp-Session-Id") != "session-1":
            return web.json_response({"error": "missing session id"}, status=400)
        return await self.answer_call(request) if "id" in call else web.Response(status=202)
