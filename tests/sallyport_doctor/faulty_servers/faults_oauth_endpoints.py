"""Servers whose token or authorization endpoint mishandles unknown clients, or whose CORS is incomplete."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.healthy import ALLOWED, HealthyServer, faulty
from tests.sallyport_doctor.faulty_servers.register import oauth_error


@faulty("token-endpoint-unreachable")
class TokenEndpointMissing(HealthyServer):
    def missing_routes(self):
        return {("POST", "/token")}


@faulty("token-endpoint-json-only")
class TokenEndpointWantsJson(HealthyServer):
    async def answer_token(self, request):
        return web.json_response({"detail": "value is not a valid dict"}, status=422)


@faulty("token-endpoint-server-error")
class TokenEndpointBreaks(HealthyServer):
    async def answer_token(self, request):
        return web.Response(text="Internal Server Error", status=500)


@faulty("token-error-in-200")
class ErrorIn200(HealthyServer):
    async def answer_token(self, request):
        return oauth_error("invalid_grant", 200)


@faulty("token-error-not-json")
class ErrorIsPage(HealthyServer):
    def unknown_client_at_token(self):
        return web.Response(
            text="<html>Unauthorized</html>",
            status=401,
            content_type="text/html",
            headers={"Cache-Control": "no-store"},
        )


@faulty("unknown-client-not-invalid-client")
class UnknownClientIsInvalidRequest(HealthyServer):
    def unknown_client_at_token(self):
        return oauth_error("invalid_request")


@faulty("token-error-cacheable")
class CacheableTokens(HealthyServer):
    def unknown_client_at_token(self):
        return web.json_response({"error": "invalid_client"}, status=401)


@faulty("token-endpoint-not-at-resource")
class TwoOrigins(HealthyServer):
    """The issuer is reached by another name of the same machine."""

    @property
    def issuer(self):
        return self.origin.replace("localhost", "127.0.0.1")

    async def answer_token(self, request):
        if request.host != self.issuer.partition("://")[2]:
            return web.json_response({"error": "not_found"}, status=404)
        return await super().answer_token(request)

    def metadata(self):
        return {
            name: value.replace(self.origin, self.issuer) if isinstance(value, str) else value
            for name, value in super().metadata().items()
        }


@faulty("token-endpoint-not-at-resource")
class TokenEndpointWithPath(HealthyServer):
    """One origin, but the token endpoint is not where clients look that lost the metadata."""

    def routes(self):
        return {key: name for key, name in super().routes().items() if key != ("POST", "/token")} | {
            ("POST", "/oauth/token"): "answer_token"
        }

    def metadata(self):
        return super().metadata() | {"token_endpoint": f"{self.origin}/oauth/token"}


@faulty("authorize-open-redirect")
class OpenRedirect(HealthyServer):
    def unknown_client(self, request):
        return web.Response(status=302, headers={"Location": request.query["redirect_uri"] + "?error=invalid_client"})


@faulty("authorize-unknown-client-not-html")
class JsonForUnknownClient(HealthyServer):
    def unknown_client(self, request):
        return oauth_error("invalid_client", 400)


@faulty("authorize-server-error")
class AuthorizeBreaks(HealthyServer):
    def unknown_client(self, request):
        return web.Response(status=500)


@faulty("authorize-endpoint-unreachable")
class AuthorizeMissing(HealthyServer):
    def missing_routes(self):
        return {("GET", "/authorize")}


@faulty("cors-preflight-refused", "cors-metadata-unreadable", "cors-oauth-endpoints-blocked")
class NoCors(HealthyServer):
    def cors(self, request, response):
        """Sends no CORS header."""


@faulty("cors-preflight-refused")
class PreflightNeedsToken(HealthyServer):
    async def answer_preflight(self, request):
        if request.path == self.mcp_path:
            return self.refuse(None)
        return await super().answer_preflight(request)


@faulty("cors-headers-missing")
class OldHeaderList(HealthyServer):
    async def answer_preflight(self, request):
        response = await super().answer_preflight(request)
        response.headers["Access-Control-Allow-Headers"] = ALLOWED.replace(" mcp-method, mcp-name,", "")
        return response


@faulty("cors-headers-missing")
class StarForAuthorization(HealthyServer):
    async def answer_preflight(self, request):
        response = await super().answer_preflight(request)
        response.headers["Access-Control-Allow-Headers"] = "*"
        return response


@faulty("cors-response-unreadable")
class RefusalWithoutCors(HealthyServer):
    def cors(self, request, response):
        if response.status != 401 or request.path != self.mcp_path:
            super().cors(request, response)


@faulty("cors-challenge-hidden")
class NothingExposed(HealthyServer):
    def cors(self, request, response):
        super().cors(request, response)
        del response.headers["Access-Control-Expose-Headers"]


@faulty("cors-metadata-unreadable")
class MetadataWithoutCors(HealthyServer):
    def cors(self, request, response):
        if not request.path.startswith("/.well-known"):
            super().cors(request, response)


@faulty("cors-oauth-endpoints-blocked")
class TokenWithoutCors(HealthyServer):
    def cors(self, request, response):
        if request.path != "/token":
            super().cors(request, response)


@faulty("cors-credentials-allowed")
class CookiesForEveryone(HealthyServer):
    def cors(self, request, response):
        super().cors(request, response)
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "*")
        response.headers["Access-Control-Allow-Credentials"] = "true"


@faulty("origin-refused")
class ForeignOriginsForbidden(HealthyServer):
    async def answer_mcp(self, request):
        if "Origin" in request.headers:
            return web.json_response({"error": "forbidden origin"}, status=403)
        return await super().answer_mcp(request)


@faulty("client-blocked")
class BotFight(HealthyServer):
    async def answer_resource_metadata(self, request):
        if "Claude-User" in request.headers["User-Agent"]:
            return web.json_response({"error": "forbidden"}, status=403)
        return await super().answer_resource_metadata(request)


@faulty("bot-challenge", "as-metadata-behind-authentication")
class BotCheck(HealthyServer):
    """A firewall answers the authorization server metadata with a bot check."""

    async def answer_openid(self, request):
        text = "<!doctype html><title>Just a moment...</title>"
        return web.Response(text=text, status=403, content_type="text/html", headers={"cf-mitigated": "challenge"})
