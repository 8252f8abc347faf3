"""Rules for the capabilities in the authorization server metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.evidence import strings

if TYPE_CHECKING:
    from sallyport_doctor.evidence import Evidence

_SIGNED = frozenset({"private_key_jwt", "client_secret_jwt"})


def pkce_not_advertised(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "code_challenge_methods_supported" in metadata:
        return None
    return "no code_challenge_methods_supported"


def pkce_without_s256(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "code_challenge_methods_supported" not in metadata:
        return None
    methods = strings(metadata["code_challenge_methods_supported"])
    return None if "S256" in methods else f"code_challenge_methods_supported {list(methods)}"


def pkce_plain_offered(evidence: Evidence) -> str | None:
    methods = strings((evidence.metadata or {}).get("code_challenge_methods_supported"))
    return "plain in addition to S256" if "plain" in methods and "S256" in methods else None


def response_types_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    return (
        "no response_types_supported" if metadata is not None and "response_types_supported" not in metadata else None
    )


def response_type_code_missing(evidence: Evidence) -> str | None:
    types = (evidence.metadata or {}).get("response_types_supported")
    return None if types is None or "code" in strings(types) else f"response_types_supported is {types!r:.80}"


def response_mode_query_missing(evidence: Evidence) -> str | None:
    modes = (evidence.metadata or {}).get("response_modes_supported")
    return None if modes is None or "query" in strings(modes) else f"response_modes_supported {modes!r:.80}"


def grant_authorization_code_missing(evidence: Evidence) -> str | None:
    grants = (evidence.metadata or {}).get("grant_types_supported")
    return None if grants is None or "authorization_code" in strings(grants) else f"{grants!r:.120}"


def grant_refresh_token_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "refresh_token" in strings(metadata.get("grant_types_supported")):
        return None
    return f"grant_types_supported is {metadata.get('grant_types_supported')!r:.120}"


def auth_method_none_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "none" in _methods(evidence):
        return None
    return f"token_endpoint_auth_methods_supported is {metadata.get('token_endpoint_auth_methods_supported')!r:.120}"


def auth_method_none_not_first(evidence: Evidence) -> str | None:
    methods = _methods(evidence)
    return f"{list(methods)}" if "none" in methods and methods[0] != "none" else None


def auth_method_algorithms_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata or {}
    if not _SIGNED & set(_methods(evidence)) or strings(
        metadata.get("token_endpoint_auth_signing_alg_values_supported")
    ):
        return None
    return "private_key_jwt without token_endpoint_auth_signing_alg_values_supported"


def iss_not_advertised(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or metadata.get("authorization_response_iss_parameter_supported") is True:
        return None
    return "authorization_response_iss_parameter_supported is not true"


def registration_impossible(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or _cimd_offered(evidence) or "registration_endpoint" in metadata:
        return None
    return "no registration_endpoint and no client_id_metadata_document_supported"


def cimd_not_offered(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or _cimd_offered(evidence) or "registration_endpoint" not in metadata:
        return None
    return "client_id_metadata_document_supported is absent or false"


def cimd_flag_not_boolean(evidence: Evidence) -> str | None:
    flag = (evidence.metadata or {}).get("client_id_metadata_document_supported")
    return None if flag is None or isinstance(flag, bool) else f"{flag!r:.40}"


def cimd_without_none(evidence: Evidence) -> str | None:
    if not _cimd_offered(evidence) or "none" in _methods(evidence):
        return None
    return "client_id_metadata_document_supported without the method none"


def dcr_not_offered(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "registration_endpoint" in metadata or not _cimd_offered(evidence):
        return None
    return "no registration_endpoint"


def scope_offline_access_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "refresh_token" not in strings(metadata.get("grant_types_supported")):
        return None
    scopes = strings(metadata.get("scopes_supported"))
    return "scopes_supported without offline_access" if scopes and "offline_access" not in scopes else None


def scopes_not_advertised(evidence: Evidence) -> str | None:
    return (
        "no scopes_supported" if evidence.metadata is not None and "scopes_supported" not in evidence.metadata else None
    )


def requested_scope_unknown(evidence: Evidence) -> str | None:
    known = strings((evidence.metadata or {}).get("scopes_supported"))
    missing = [s for s in evidence.requested_scope.split() if s not in known and s != "offline_access"]
    return " ".join(missing) if known and missing else None


def scopes_of_resource_unknown(evidence: Evidence) -> str | None:
    known = strings((evidence.metadata or {}).get("scopes_supported"))
    prm = evidence.prm or {}
    # Sallyport's guard publishes every scope, besides those to request first.
    published = prm.get("sallyport_scopes")
    others = tuple(published) if isinstance(published, dict) else ()
    requested = evidence.requested_scope.split()  # requested-scope-unknown applies
    required = dict.fromkeys((*strings(prm.get("scopes_supported")), *others))
    missing = [s for s in required if s not in known and s not in requested]
    return " ".join(missing) if known and missing else None


def par_required(evidence: Evidence) -> str | None:
    required = (evidence.metadata or {}).get("require_pushed_authorization_requests") is True
    return "require_pushed_authorization_requests is true" if required else None


def dpop_required(evidence: Evidence) -> str | None:
    prm, metadata = evidence.prm or {}, evidence.metadata or {}
    names = ("dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens")
    required = [name for name in names if prm.get(name) is True or metadata.get(name) is True]
    return ", ".join(required) or None


def revocation_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    return "no revocation_endpoint" if metadata is not None and "revocation_endpoint" not in metadata else None


def jwks_uri_missing(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "jwks_uri" in metadata or "introspection_endpoint" not in metadata:
        return None
    return "no jwks_uri, but an introspection_endpoint"


def tokens_not_verifiable(evidence: Evidence) -> str | None:
    metadata = evidence.metadata
    if metadata is None or "jwks_uri" in metadata or "introspection_endpoint" in metadata:
        return None
    return "neither jwks_uri nor introspection_endpoint"


def _methods(evidence: Evidence) -> tuple[str, ...]:
    return strings((evidence.metadata or {}).get("token_endpoint_auth_methods_supported"))


def _cimd_offered(evidence: Evidence) -> bool:
    return (evidence.metadata or {}).get("client_id_metadata_document_supported") is True
