"""Servers whose authorization server metadata is missing or faulty."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aiohttp import web

from tests.sallyport_doctor.faulty_servers.faults_resource_metadata import spa
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty

OAUTH = ("GET", "/.well-known/oauth-authorization-server")
OPENID = ("GET", "/.well-known/openid-configuration")
AT_RESOURCE = ("GET", "/.well-known/oauth-authorization-server/mcp")


@faulty("as-metadata-missing")
class NoServerMetadata(HealthyServer):
    def missing_routes(self):
        return {OAUTH, OPENID, AT_RESOURCE}


@faulty("as-metadata-oauth-form-missing")
class OpenidOnly(HealthyServer):
    def missing_routes(self):
        return {OAUTH}


@faulty("as-metadata-openid-form-missing")
class OauthOnly(HealthyServer):
    def missing_routes(self):
        return {OPENID}


@faulty("as-metadata-at-resource-missing")
class NotAtResource(HealthyServer):
    def missing_routes(self):
        return {AT_RESOURCE}


@faulty("as-metadata-forms-differ")
class SplitDiscovery(HealthyServer):
    async def answer_openid(self, request):
        return web.json_response(self.metadata() | {"token_endpoint": f"{self.origin}/v2/token"})


@faulty("as-metadata-shadowed-by-page")
class ServerMetadataShadowed(HealthyServer):
    async def answer_openid(self, request):
        return spa()


@faulty("as-metadata-behind-authentication")
class ServerMetadataBehindLogin(HealthyServer):
    async def answer_openid(self, request):
        return web.json_response({"error": "unauthorized"}, status=401)


@faulty("as-metadata-redirected")
class ServerMetadataRedirected(HealthyServer):
    async def answer_openid(self, request):
        return web.Response(status=302, headers={"Location": OAUTH[1]})


@faulty("as-metadata-not-json")
class ServerMetadataIsText(HealthyServer):
    async def answer_openid(self, request):
        return web.Response(text="issuer: here", content_type="application/json")


@faulty("as-metadata-media-type")
class ServerMetadataAsText(HealthyServer):
    async def answer_metadata(self, request):
        response = await super().answer_metadata(request)
        response.content_type = "text/plain"
        return response


@faulty("as-metadata-openid-forms-incomplete")
class IssuerPath(HealthyServer):
    """An issuer with a path, and only the inserted form of OpenID discovery."""

    @property
    def issuer(self):
        return f"{self.origin}/tenant"

    def routes(self):
        return super().routes() | {
            ("GET", f"{OAUTH[1]}/tenant"): "answer_metadata",
            ("GET", f"{OPENID[1]}/tenant"): "answer_openid",
        }


class MetadataWith(HealthyServer):
    """Base class: single metadata members differ; None removes a member."""

    changes: Mapping[str, Any] = MappingProxyType({})

    def metadata(self):
        merged = super().metadata() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@faulty("as-metadata-null-member")
class NullInServerMetadata(HealthyServer):
    def metadata(self):
        return super().metadata() | {"revocation_endpoint_auth_methods_supported": None}


@faulty("authorization-endpoint-names-resource")
class EndpointNamesResource(HealthyServer):
    def metadata(self):
        return super().metadata() | {"authorization_endpoint": f"{self.origin}/authorize?resource={self.resource}"}


@faulty("issuer-missing")
class WithoutIssuer(MetadataWith):
    changes = MappingProxyType({"issuer": None})


@faulty("issuer-trailing-slash")
class IssuerWithSlash(HealthyServer):
    def metadata(self):
        return super().metadata() | {"issuer": self.issuer + "/"}


@faulty("issuer-ends-with-slash")
class IssuerIsUrlObject(HealthyServer):
    @property
    def issuer(self):
        return self.origin + "/"


@faulty("issuer-differs")
class OtherIssuer(MetadataWith):
    changes = MappingProxyType({"issuer": "https://auth.inside.example"})


@faulty("issuer-not-absolute")
class IssuerIsName(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": ["auth.example.com"]}


@faulty("endpoint-missing")
class WithoutTokenEndpoint(MetadataWith):
    changes = MappingProxyType({"token_endpoint": None})


@faulty("endpoint-not-absolute")
class RelativeEndpoint(MetadataWith):
    changes = MappingProxyType({"authorization_endpoint": "/authorize"})


@faulty("endpoint-plain-http")
class HttpEndpoint(MetadataWith):
    changes = MappingProxyType({"userinfo_endpoint": "http://auth.example.com/userinfo"})
