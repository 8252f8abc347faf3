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


@faulty("pkce-not-advertised")
class PkceSilent(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": None})


@faulty("pkce-without-s256")
class PkcePlainOnly(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": ["plain"]})


@faulty("pkce-plain-offered")
class PkcePlainToo(MetadataWith):
    changes = MappingProxyType({"code_challenge_methods_supported": ["plain", "S256"]})


@faulty("response-types-missing")
class NoResponseTypes(MetadataWith):
    changes = MappingProxyType({"response_types_supported": None})


@faulty("response-type-code-missing")
class TokensOnly(MetadataWith):
    changes = MappingProxyType({"response_types_supported": ["token"]})


@faulty("response-mode-query-missing")
class FormPostOnly(MetadataWith):
    changes = MappingProxyType({"response_modes_supported": ["form_post"]})


@faulty("grant-authorization-code-missing")
class MachinesOnly(MetadataWith):
    changes = MappingProxyType({"grant_types_supported": ["client_credentials", "refresh_token"]})


@faulty("grant-refresh-token-missing")
class NoRefresh(MetadataWith):
    changes = MappingProxyType({"grant_types_supported": ["authorization_code"]})


@faulty("auth-method-none-missing", "cimd-without-none")
class SecretsOnly(MetadataWith):
    """Metadata documents are offered as well, so Claude's rule is hit too."""

    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["client_secret_basic"]})


@faulty("auth-method-none-not-first")
class NoneLast(MetadataWith):
    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})


@faulty("auth-method-algorithms-missing")
class AssertionsWithoutAlgorithms(MetadataWith):
    changes = MappingProxyType({"token_endpoint_auth_methods_supported": ["none", "private_key_jwt"]})


@faulty("iss-not-advertised")
class NoIss(MetadataWith):
    changes = MappingProxyType({"authorization_response_iss_parameter_supported": None})


@faulty("registration-impossible")
class NoRegistration(MetadataWith):
    changes = MappingProxyType({"registration_endpoint": None, "client_id_metadata_document_supported": None})


@faulty("cimd-not-offered")
class NoDocuments(MetadataWith):
    changes = MappingProxyType({"client_id_metadata_document_supported": None})


@faulty("cimd-flag-not-boolean", "cimd-not-offered")
class FlagIsString(MetadataWith):
    changes = MappingProxyType({"client_id_metadata_document_supported": "true"})


@faulty("dcr-not-offered")
class NoDynamicRegistration(MetadataWith):
    changes = MappingProxyType({"registration_endpoint": None})


@faulty("scope-offline-access-missing")
class NoOfflineAccess(MetadataWith):
    changes = MappingProxyType({"scopes_supported": ["notes:read", "notes:write"]})


@faulty("scopes-not-advertised")
class NoServerScopes(MetadataWith):
    changes = MappingProxyType({"scopes_supported": None})


@faulty("scopes-of-resource-unknown")
class ScopesOfOthers(MetadataWith):
    changes = MappingProxyType({"scopes_supported": ["openid", "offline_access", "notes:read"]})


@faulty("requested-scope-unknown", "prm-scopes-missing")
class ScopesOfTheChallengeUnknown(ScopesOfOthers):
    """The metadata of the resource names no scope; its challenge does."""

    changes = MappingProxyType({"scopes_supported": ["openid", "offline_access", "notes:write"]})

    def resource_metadata(self):
        return {k: v for k, v in super().resource_metadata().items() if k != "scopes_supported"}


@faulty("scopes-of-resource-unknown")
class ScopesThatAreNotRequestedFirstUnknown(ScopesOfOthers):
    """The guard publishes a scope that no client requests first."""

    changes = MappingProxyType({})

    def resource_metadata(self):
        return {**super().resource_metadata(), "sallyport_scopes": {"notes:read": [], "notes:all": []}}


@faulty("revocation-missing")
class NoRevocation(MetadataWith):
    changes = MappingProxyType({"revocation_endpoint": None})


@faulty("jwks-uri-missing")
class IntrospectionOnly(HealthyServer):
    def metadata(self):
        document = super().metadata() | {"introspection_endpoint": f"{self.origin}/introspect"}
        del document["jwks_uri"]
        return document


@faulty("tokens-not-verifiable")
class NothingToVerifyWith(MetadataWith):
    changes = MappingProxyType({"jwks_uri": None})


@faulty("par-required")
class PushedOnly(MetadataWith):
    changes = MappingProxyType({"require_pushed_authorization_requests": True})


@faulty("dpop-required")
class BoundOnly(HealthyServer):
    def resource_metadata(self):
        return super().resource_metadata() | {"dpop_bound_access_tokens_required": True}
