"""Servers whose endpoint takes good tokens, or forged ones, wrongly."""

from aiohttp import web

from tests.doctor.zoo.endpoint import rpc
from tests.doctor.zoo.healthy import ill
from tests.doctor.zoo.visits import SigningIn


@ill("tools-list-refused")
class EndpointWantsOthers(SigningIn):
    def accepts(self, token):
        return False


@ill("wire-old-missing")
class NewWireOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" not in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32022, "message": "?"}}, status=400)
        return await super().answer_call(request)


@ill("wire-new-missing")
class OldWireOnly(SigningIn):
    async def answer_call(self, request):
        if "Mcp-Method" in request.headers:
            return web.json_response({"jsonrpc": "2.0", "id": 1, "error": {"code": -32600, "message": "?"}}, status=400)
        return await super().answer_call(request)


@ill("wire-versions-old-only")
class OffersOldVersions(SigningIn):
    async def answer_call(self, request):
        if request.headers.get("Mcp-Method") == "server/discover":
            return rpc({"supportedVersions": ["2025-11-25"], "capabilities": {}})
        return await super().answer_call(request)


@ill("unknown-method-unauthorized")
class UnknownMeansUnauthorized(SigningIn):
    async def answer_call(self, request):
        response = await super().answer_call(request)
        return self.refuse("invalid_token") if response.status == 404 else response


@ill("tampered-token-accepted")
class NeverVerifies(SigningIn):
    """Reads who calls from the token, and does not ask whether the token is genuine."""

    def accepts(self, token):
        return token.count(".") == 2


@ill("security-schemes-not-mirrored")
class SchemesInOnePlace(SigningIn):
    async def answer_call(self, request):
        if (await request.json()).get("method") == "tools/list":
            return rpc({"tools": [{"name": "whoami", "securitySchemes": [{"type": "oauth2", "scopes": []}]}]})
        return await super().answer_call(request)
