"""Servers whose token and authorization endpoints answer strangers wrongly, or pages not at all."""

from aiohttp import web

from tests.doctor.zoo.healthy import ALLOWED, HealthyServer, ill
from tests.doctor.zoo.register import oauth_error


@ill("token-endpoint-unreachable")
class TokenEndpointMissing(HealthyServer):
    def missing_routes(self):
        return {("POST", "/token")}


@ill("token-endpoint-json-only")
class TokenEndpointWantsJson(HealthyServer):
    async def answer_token(self, request):
        return web.json_response({"detail": "value is not a valid dict"}, status=422)


@ill("token-endpoint-server-error")
class TokenEndpointBreaks(HealthyServer):
    async def answer_token(self, request):
        return web.Response(text="Internal Server Error", status=500)


@ill("token-error-in-200")
class ErrorIn200(HealthyServer):
    async def answer_token(self, request):
        return oauth_error("invalid_grant", 200)


@ill("token-error-not-json")
class ErrorIsPage(HealthyServer):
    def unknown_client_at_token(self):
        return web.Response(
            text="<html>Unauthorized</html>",
            status=401,
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )


@ill("token-unknown-client-answer")
class UnknownClientIsInvalidRequest(HealthyServer):
    def unknown_client_at_token(self):
        return oauth_error("invalid_request")


@ill("token-answer-cacheable")
class CacheableTokens(HealthyServer):
    def unknown_client_at_token(self):
        return web.json_response({"error": "invalid_client"}, status=401)


@ill("authorize-open-redirect")
class OpenRedirect(HealthyServer):
    def unknown_client(self, request):
        return web.Response(status=302, headers={"Location": request.query["redirect_uri"] + "?error=invalid_client"})


@ill("authorize-unknown-client-silent")
class SilentToPeople(HealthyServer):
    def unknown_client(self, request):
        return oauth_error("invalid_client", 400)


@ill("authorize-server-error")
class AuthorizeBreaks(HealthyServer):
    def unknown_client(self, request):
        return web.Response(status=500)


@ill("authorize-endpoint-unreachable")
class AuthorizeMissing(HealthyServer):
    def missing_routes(self):
        return {("GET", "/authorize")}


@ill("cors-preflight-refused", "cors-metadata-unreadable", "cors-endpoints-closed")
class NoCors(HealthyServer):
    def cors(self, request, response):
        """None at all."""


@ill("cors-preflight-refused")
class PreflightNeedsToken(HealthyServer):
    async def answer_preflight(self, request):
        if request.path == self.mcp_path:
            return self.refuse(None)
        return await super().answer_preflight(request)


@ill("cors-headers-missing")
class OldHeaderList(HealthyServer):
    async def answer_preflight(self, request):
        response = await super().answer_preflight(request)
        response.headers["Access-Control-Allow-Headers"] = ALLOWED.replace(" mcp-method, mcp-name,", "")
        return response


@ill("cors-headers-missing")
class StarForAuthorization(HealthyServer):
    async def answer_preflight(self, request):
        response = await super().answer_preflight(request)
        response.headers["Access-Control-Allow-Headers"] = "*"
        return response


@ill("cors-answer-unreadable")
class RefusalWithoutCors(HealthyServer):
    def cors(self, request, response):
        if response.status != 401 or request.path != self.mcp_path:
            super().cors(request, response)


@ill("cors-challenge-hidden")
class NothingExposed(HealthyServer):
    def cors(self, request, response):
        super().cors(request, response)
        del response.headers["Access-Control-Expose-Headers"]


@ill("cors-metadata-unreadable")
class MetadataWithoutCors(HealthyServer):
    def cors(self, request, response):
        if not request.path.startswith("/.well-known"):
            super().cors(request, response)


@ill("cors-endpoints-closed")
class TokenWithoutCors(HealthyServer):
    def cors(self, request, response):
        if request.path != "/token":
            super().cors(request, response)


@ill("cors-credentials-allowed")
class CookiesForEveryone(HealthyServer):
    def cors(self, request, response):
        super().cors(request, response)
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Access-Control-Allow-Credentials"] = "true"


@ill("origin-refused")
class ForeignOriginsForbidden(HealthyServer):
    async def answer_mcp(self, request):
        if "Origin" in request.headers:
            return web.json_response({"error": "forbidden origin"}, status=403)
        return await super().answer_mcp(request)


@ill("client-turned-away")
class BotFight(HealthyServer):
    async def answer_resource_metadata(self, request):
        if "Claude-User" in request.headers["User-Agent"]:
            return web.json_response({"error": "forbidden"}, status=403)
        return await super().answer_resource_metadata(request)


@ill("bot-challenge", "as-metadata-behind-authentication")
class HumansOnly(HealthyServer):
    """A firewall's page stands before the authorization server's metadata."""

    async def answer_openid(self, request):
        text = "<!doctype html><title>Just a moment...</title>"
        return web.Response(text=text, status=403, content_type="text/html", headers={"cf-mitigated": "challenge"})
