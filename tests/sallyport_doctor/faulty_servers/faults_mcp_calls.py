"""Servers whose endpoint mishandles valid or forged tokens."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.endpoint import rpc
from tests.sallyport_doctor.faulty_servers.healthy import SigningIn, faulty


@faulty("tools-list-refused")
class EndpointRejectsTokens(SigningIn):
    def accepts(self, token):
        return False


@faulty("legacy-protocol-missing")
class CurrentRevisionOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" not in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "?"}}, status=400)
        return await super().answer_call(request)


@faulty("current-protocol-missing")
class LegacyRevisionOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "?"}}, status=400)
        return await super().answer_call(request)


@faulty("discover-without-current-version-signed-in")
class OffersOldVersions(SigningIn):
    async def answer_call(self, request):
        if request.headers.get("Mcp-Method") == "server/discover":
            return rpc({"supportedVersions": ["2025-11-25"], "capabilities": {}})
        return await super().answer_call(request)


@faulty("unknown-method-unauthorized")
class UnknownMeansUnauthorized(SigningIn):
    async def answer_call(self, request):
        response = await super().answer_call(request)
        return self.refuse("invalid_token") if response.status == 404 else response


@faulty("tampered-token-accepted")
class NeverVerifies(SigningIn):
    """Reads the claims without verifying the signature."""

    def accepts(self, token):
        return token.count(".") == 2


@faulty("security-schemes-not-mirrored")
class SchemesInOnePlace(SigningIn):
    async def answer_call(self, request):
        if (await request.json()).get("method") == "tools/list":
            return rpc({"tools": [{"name": "whoami", "securitySchemes": [{"type": "oauth2", "scopes": []}]}]})
        return await super().answer_call(request)
