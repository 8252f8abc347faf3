"""Servers with faulty protected resource metadata."""

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty

PATH_FORM = "/.well-known/oauth-protected-resource/mcp"
ROOT_FORM = "/.well-known/oauth-protected-resource"


def spa():
    return web.Response(text="<!doctype html><div id=app></div>", content_type="text/html")


@faulty("prm-missing")
class NoMetadata(HealthyServer):
    def missing_routes(self):
        return {("GET", PATH_FORM), ("GET", ROOT_FORM)}


@faulty("prm-path-form-missing")
class RootOnly(HealthyServer):
    def missing_routes(self):
        return {("GET", PATH_FORM)}


@faulty("prm-root-form-missing")
class PathOnly(HealthyServer):
    def missing_routes(self):
        return {("GET", ROOT_FORM)}


@faulty("prm-shadowed-by-page")
class ShadowedBySpa(HealthyServer):
    async def answer_resource_metadata(self, request):
        return spa()


@faulty("prm-shadowed-by-page")
class RootShadowedBySpa(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return spa()


@faulty("prm-behind-authentication")
class MetadataBehindLogin(HealthyServer):
    async def answer_resource_metadata(self, request):
        return web.json_response({"error": "unauthorized"}, status=401)


@faulty("prm-redirected")
class MetadataRedirected(HealthyServer):
    async def answer_resource_metadata(self, request):
        return web.Response(status=302, headers={"Location": ROOT_FORM})

    async def answer_root_resource_metadata(self, request):
        return await super().answer_resource_metadata(request)


@faulty("prm-not-json")
class MetadataIsList(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return web.json_response([self.resource_metadata()])


@faulty("prm-media-type")
class MetadataAsText(HealthyServer):
    async def answer_resource_metadata(self, request):
        response = await super().answer_resource_metadata(request)
        response.content_type = "text/plain"
        return response


@faulty("prm-forms-differ")
class FormsDisagree(HealthyServer):
    async def answer_root_resource_metadata(self, request):
        return web.json_response(self.resource_metadata() | {"scopes_supported": ["notes:read"]})


@faulty("prm-root-of-other-resource")
class RootIsOfAnotherResource(HealthyServer):
    """A host with two resources describes the other one at its root."""

    async def answer_root_resource_metadata(self, request):
        return web.json_response(self.resource_metadata() | {"resource": f"{self.origin}/calendar"})


@faulty("prm-null-member")
class NullInMetadata(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"resource_signing_alg_values_supported": None}


@faulty("resource-missing")
class WithoutResource(HealthyServer):
    def resource_metadata(self):
        document = super().resource_metadata()
        del document["resource"]
        return document


class ResourceWith(HealthyServer):
    """Base class for wrong resource identifiers."""

    def wrong(self):
        return self.resource

    def resource_metadata(self):
        return super().resource_metadata() | {"resource": self.wrong()}


@faulty("resource-trailing-slash")
class ResourceWithSlash(ResourceWith):
    def wrong(self):
        return self.resource + "/"


@faulty("resource-path-missing")
class ResourceWithoutPath(ResourceWith):
    def wrong(self):
        return self.origin


@faulty("resource-scheme-differs")
class ResourceWithOtherScheme(ResourceWith):
    """The inverse of http behind a TLS proxy: the model itself serves http."""

    def wrong(self):
        return self.resource.replace("http://", "https://")


@faulty("resource-host-differs")
class ResourceWithInternalName(ResourceWith):
    def wrong(self):
        return "http://notes-backend:8000/mcp"


@faulty("resource-differs")
class ResourceWithOtherPath(ResourceWith):
    def wrong(self):
        return f"{self.origin}/api/mcp"


@faulty("prm-without-authorization-server")
class NoAuthorizationServer(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": []}


@faulty("prm-several-authorization-servers")
class SeveralAuthorizationServers(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": [self.issuer, "https://second.example"]}


@faulty("prm-scopes-missing")
class NoScopesListed(HealthyServer):
    def resource_metadata(self):
        document = super().resource_metadata()
        del document["scopes_supported"]
        return document


@faulty("prm-scopes-not-of-resource")
class ForeignScopesListed(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"scopes_supported": ["notes:read", "notes:write", "offline_access"]}


@faulty("prm-query-tokens")
class TokensInQuery(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"bearer_methods_supported": ["header", "query"]}


@faulty("resource-without-path")
class BareOrigin(HealthyServer):
    """The endpoint has no path; URL classes add a slash."""

    mcp_path = ""

    def routes(self):
        found = {key: name for key, name in super().routes().items() if key[1] not in {"", "/"}}
        return found | {("POST", "/"): "answer_mcp"}
