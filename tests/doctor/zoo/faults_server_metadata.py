"""Servers whose authorization server metadata is missing, wrong or poor."""

from types import MappingProxyType

from aiohttp import web

from tests.doctor.zoo.faults_resource_metadata import spa
from tests.doctor.zoo.healthy import HealthyServer, ill

OAUTH = ("GET", "/.well-known/oauth-authorization-server")
OPENID = ("GET", "/.well-known/openid-configuration")
AT_RESOURCE = ("GET", "/.well-known/oauth-authorization-server/mcp")


@ill("as-metadata-missing")
class NoServerMetadata(HealthyServer):
    def missing_routes(self):
        return {OAUTH, OPENID, AT_RESOURCE}


@ill("as-metadata-oauth-form-missing")
class OpenidOnly(HealthyServer):
    def missing_routes(self):
        return {OAUTH}


@ill("as-metadata-openid-form-missing")
class OauthOnly(HealthyServer):
    def missing_routes(self):
        return {OPENID}


@ill("as-metadata-at-resource-missing")
class NotAtResource(HealthyServer):
    def missing_routes(self):
        return {AT_RESOURCE}


@ill("as-metadata-forms-differ")
class SplitDiscovery(HealthyServer):
    async def answer_openid(self, request):
        return web.json_response(self.metadata() | {"token_endpoint": f"{self.origin}/v2/token"})


@ill("as-metadata-shadowed-by-page")
class ServerMetadataShadowed(HealthyServer):
    async def answer_openid(self, request):
        return spa()


@ill("as-metadata-behind-authentication")
class ServerMetadataBehindLogin(HealthyServer):
    async def answer_openid(self, request):
        return web.json_response({"error": "unauthorized"}, status=401)


@ill("as-metadata-redirected")
class ServerMetadataRedirected(HealthyServer):
    async def answer_openid(self, request):
        return web.Response(status=302, headers={"Location": OAUTH[1]})


@ill("as-metadata-not-json")
class ServerMetadataIsText(HealthyServer):
    async def answer_openid(self, request):
        return web.Response(text="issuer: here", content_type="application/json")


@ill("as-metadata-media-type")
class ServerMetadataAsText(HealthyServer):
    async def answer_metadata(self, request):
        response = await super().answer_metadata(request)
        response.content_type = "text/plain"
        return response


@ill("as-metadata-openid-forms-incomplete")
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
    """A base for servers whose metadata differs in single members; None takes a member away."""

    changes = MappingProxyType({})

    def metadata(self):
        merged = super().metadata() | self.changes
        return {name: value for name, value in merged.items() if value is not None}


@ill("issuer-missing")
class WithoutIssuer(MetadataWith):
    changes = MappingProxyType({"issuer": None})


@ill("issuer-trailing-slash")
class IssuerWithSlash(HealthyServer):
    def metadata(self):
        return super().metadata() | {"issuer": self.issuer + "/"}


@ill("issuer-ends-with-slash")
class IssuerIsUrlObject(HealthyServer):
    @property
    def issuer(self):
        return self.origin + "/"


@ill("issuer-differs")
class OtherIssuer(MetadataWith):
    changes = MappingProxyType({"issuer": "https://auth.inside.example"})


@ill("issuer-not-absolute")
class IssuerIsName(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"authorization_servers": ["auth.example.com"]}


@ill("endpoint-missing")
class WithoutTokenEndpoint(MetadataWith):
    changes = MappingProxyType({"token_endpoint": None})


@ill("endpoint-not-absolute")
class RelativeEndpoint(MetadataWith):
    changes = MappingProxyType({"authorization_endpoint": "/authorize"})


@ill("endpoint-plain-http")
class HttpEndpoint(MetadataWith):
    changes = MappingProxyType({"userinfo_endpoint": "http://auth.example.com/userinfo"})


@ill("pkce-not-advertised")
class PkceSilent(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": None})


@ill("pkce-without-s256")
class PkcePlainOnly(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": ["plain"]})


@ill("pkce-plain-offered")
class PkcePlainToo(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": ["plain", "S256"]})


@ill("response-type-code-missing")
class NoResponseTypes(MetadataWith):
    changes = MappingProxyType({"response_types_supported": None})


@ill("response-mode-query-missing")
class FormPostOnly(MetadataWith):
    changes = MappingProxyType({"response_modes_supported": ["form_post"]})


@ill("grant-authorization-code-missing")
class MachinesOnly(MetadataWith):
    changes = MappingProxyType({"grant_types_supported": ["client_credentials", "refresh_token"]})


@ill("grant-refresh-token-missing")
class NoRefresh(MetadataWith):
    changes = MappingProxyType({"grant_types_supported": ["authorization_code"]})


@ill("auth-method-none-missing", "cimd-without-none")
class SecretsOnly(MetadataWith):
    """Metadata documents are offered as well, so Claude's rule is hit too."""

    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["client_secret_basic"]})


@ill("auth-method-none-not-first")
class NoneLast(MetadataWith):
    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})


@ill("auth-method-algorithms-missing")
class AssertionsWithoutAlgorithms(MetadataWith):
    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]})


@ill("iss-not-advertised")
class NoIss(MetadataWith):
    changes = MappingProxyType({"authorization_response_iss_parameter_supported": None})


@ill("registration-impossible")
class NoRegistration(MetadataWith):
    changes = MappingProxyType({"registration_endpoint": None, "client_id_metadata_document_supported": None})


@ill("cimd-not-offered")
class NoDocuments(MetadataWith):
    changes = MappingProxyType({"client_id_metadata_document_supported": None})


@ill("cimd-flag-not-boolean", "cimd-not-offered")
class FlagIsString(MetadataWith):
    changes = MappingProxyType({"client_id_metadata_document_supported": "true"})


@ill("dcr-not-offered")
class NoDynamicRegistration(MetadataWith):
    changes = MappingProxyType({"registration_endpoint": None})


@ill("scope-offline-access-missing")
class NoOfflineAccess(MetadataWith):
    changes = MappingProxyType({"scopes_supported": ["notes:read", "notes:write"]})


@ill("scopes-not-advertised")
class NoServerScopes(MetadataWith):
    changes = MappingProxyType({"scopes_supported": None})


@ill("scopes-of-resource-unknown")
class ScopesOfOthers(MetadataWith):
    changes = MappingProxyType({"scopes_supported": ["openid", "offline_access", "notes:read"]})


@ill("revocation-missing")
class NoRevocation(MetadataWith):
    changes = MappingProxyType({"revocation_endpoint": None})


@ill("jwks-uri-missing")
class IntrospectionOnly(HealthyServer):
    def metadata(self):
        document = super().metadata() | {"introspection_endpoint": f"{self.origin}/introspect"}
        del document["jwks_uri"]
        return document


@ill("tokens-not-verifiable")
class NothingToVerifyWith(MetadataWith):
    changes = MappingProxyType({"jwks_uri": None})


@ill("par-required")
class PushedOnly(MetadataWith):
    changes = MappingProxyType({"require_pushed_authorization_requests": True})


@ill("dpop-required")
class BoundOnly(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"dpop_bound_access_tokens_required": True}
