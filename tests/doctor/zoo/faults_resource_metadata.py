"""Servers whose protected resource metadata is wrong."""

from aiohttp import web

from tests.doctor.zoo.healthy import HealthyServer, ill

PATH_FORM = "/.well-known/oauth-protected-resource/mcp"
ROOT_FORM = "/.well-known/oauth-protected-resource"


def spa():
    return web.Response(text="<!doctype html><div id=app></div>", content_type="text/html")


@ill("prm-missing")
class NoMetadata(HealthyServer):
    def missing_routes(self):
        return {("GET", PATH_FORM), ("GET", ROOT_FORM)}


@ill("prm-path-form-missing")
class RootOnly(HealthyServer):
    def missing_routes(self):
        return {("GET", PATH_FORM)}


@ill("prm-root-form-missing")
class PathOnly(HealthyServer):
    def missing_routes(self):
        return {("GET", ROOT_FORM)}


@ill("prm-shadowed-by-page")
class ShadowedBySpa(HealthyServer):
    async def answer_resource_metadata(self, request):
        return spa()


@ill("prm-shadowed-by-page")
class RootShadowedBySpa(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return spa()


@ill("prm-behind-authentication")
class MetadataBehindLogin(HealthyServer):
    async def answer_resource_metadata(self, request):
        return web.json_response({"error": "unauthorized"}, status=401)


@ill("prm-redirected")
class MetadataRedirected(HealthyServer):
    async def answer_resource_metadata(self, request):
        return web.Response(status=302, headers={"Location": ROOT_FORM})

    async def answer_root_resource_metadata(self, request):
        return await super().answer_resource_metadata(request)


@ill("prm-not-json")
class MetadataIsList(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return web.json_response([self.resource_metadata()])


@ill("prm-media-type")
class MetadataAsText(HealthyServer):
    async def answer_resource_metadata(self, request):
        response = await super().answer_resource_metadata(request)
        response.content_type = "text/plain"
        return response


@ill("prm-forms-differ")
class FormsDisagree(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return web.json_response(self.resource_metadata() | {"resource": self.origin})


@ill("resource-missing")
class WithoutResource(HealthyServer):
    def resource_metadata(self):
        document = super().resource_metadata()
        del document["resource"]
        return document


class ResourceWith(HealthyServer):
    """A base for wrong resource identifiers."""

    def wrong(self):
        return self.resource

    def resource_metadata(self):
        return super().resource_metadata() | {"resource": self.wrong()}


@ill("resource-trailing-slash")
class ResourceWithSlash(ResourceWith):
    def wrong(self):
        return self.resource + "/"


@ill("resource-path-lost")
class ResourceWithoutPath(ResourceWith):
    def wrong(self):
        return self.origin


@ill("resource-scheme-differs")
class ResourceWithOtherScheme(ResourceWith):
    """http behind a proxy, seen from the other side: the model speaks http."""

    def wrong(self):
        return self.resource.replace("http://", "https://")


@ill("resource-host-differs")
class ResourceWithInsideName(ResourceWith):
    def wrong(self):
        return "http://notes-backend:8000/mcp"


@ill("resource-differs")
class ResourceWithOtherPath(ResourceWith):
    def wrong(self):
        return f"{self.origin}/api/mcp"


@ill("prm-without-authorization-server")
class NoAuthorizationServer(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": []}


@ill("prm-several-authorization-servers")
class SeveralAuthorizationServers(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": [self.issuer, "https://second.example"]}


@ill("prm-scopes-missing")
class NoScopesListed(HealthyServer):
    def resource_metadata(self):
        document = super().resource_metadata()
        del document["scopes_supported"]
        return document


@ill("prm-scopes-not-of-resource")
class ForeignScopesListed(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"scopes_supported": ["notes:read", "notes:write", "offline_access"]}


@ill("prm-query-tokens")
class TokensInQuery(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"bearer_methods_supported": ["header", "query"]}


@ill("resource-without-path")
class BareOrigin(HealthyServer):
    """No path at all: a URL class adds a slash."""

    mcp_path = ""

    def routes(self):
        found = {key: name for key, name in super().routes().items() if key[1] not in {"", "/"}}
        return found | {("POST", "/"): "answer_mcp"}
