"""Servers whose authorization server metadata lacks or contradicts a capability that clients need."""

from types import MappingProxyType

from tests.sallyport_doctor.faulty_servers.faults_server_metadata import MetadataWith
from tests.sallyport_doctor.faulty_servers.healthy import HealthyServer, faulty


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
