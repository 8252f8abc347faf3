"""What the authorization server says it can do (reference: A2, A4, A10, F7, F9, F13, F17)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.observation import Observation

_SIGNED = frozenset({"private_key_jwt", "client_secret_jwt"})


def pkce_not_advertised(seen: Observation) -> str | None:
    """MCP: clients refuse a server that does not advertise S256."""
    metadata = seen.metadata
    if metadata is None or "code_challenge_methods_supported" in metadata:
        return None
    return "no code_challenge_methods_supported"


def pkce_without_s256(seen: Observation) -> str | None:
    """MCP: S256 is the one method that clients use."""
    metadata = seen.metadata
    if metadata is None or "code_challenge_methods_supported" not in metadata:
        return None
    methods = strings(metadata["code_challenge_methods_supported"])
    return None if "S256" in methods else f"code_challenge_methods_supported {list(methods)}"


def pkce_plain_offered(seen: Observation) -> str | None:
    """OAuth 2.1: plain gives the secret away."""
    methods = strings((seen.metadata or {}).get("code_challenge_methods_supported"))
    return "plain beside S256" if "plain" in methods and "S256" in methods else None


def response_type_code_missing(seen: Observation) -> str | None:
    """RFC 8414 section 2: response_types_supported is required."""
    metadata = seen.metadata
    if metadata is None or "code" in strings(metadata.get("response_types_supported")):
        return None
    return f"response_types_supported is {metadata.get('response_types_supported')!r:.80}"


def response_mode_query_missing(seen: Observation) -> str | None:
    """A2: clients take the answer from the query."""
    modes = (seen.metadata or {}).get("response_modes_supported")
    return None if modes is None or "query" in strings(modes) else f"response_modes_supported {modes!r:.80}"


def grant_authorization_code_missing(seen: Observation) -> str | None:
    """A2: the one grant that every client uses."""
    grants = (seen.metadata or {}).get("grant_types_supported")
    return None if grants is None or "authorization_code" in strings(grants) else f"{grants!r:.120}"


def grant_refresh_token_missing(seen: Observation) -> str | None:
    """F9: without it a connection ends with its first access token. Absent means code and implicit only."""
    metadata = seen.metadata
    if metadata is None or "refresh_token" in strings(metadata.get("grant_types_supported")):
        return None
    return f"grant_types_supported is {metadata.get('grant_types_supported')!r:.120}"


def auth_method_none_missing(seen: Observation) -> str | None:
    """F7: public clients need none; absent means client_secret_basic only."""
    metadata = seen.metadata
    if metadata is None or "none" in _methods(seen):
        return None
    return f"token_endpoint_auth_methods_supported is {metadata.get('token_endpoint_auth_methods_supported')!r:.120}"


def auth_method_none_not_first(seen: Observation) -> str | None:
    """A2: some clients take the first method listed."""
    methods = _methods(seen)
    return f"{list(methods)}" if "none" in methods and methods[0] != "none" else None


def auth_method_algorithms_missing(seen: Observation) -> str | None:
    """RFC 8414 section 2: signed assertions need their algorithms listed."""
    metadata = seen.metadata or {}
    if not _SIGNED & set(_methods(seen)) or strings(metadata.get("token_endpoint_auth_signing_alg_values_supported")):
        return None
    return "private_key_jwt without token_endpoint_auth_signing_alg_values_supported"


def iss_not_advertised(seen: Observation) -> str | None:
    """A3: RFC 9207 unlocks the stable redirect of ChatGPT and defends against mix-up."""
    metadata = seen.metadata
    if metadata is None or metadata.get("authorization_response_iss_parameter_supported") is True:
        return None
    return "authorization_response_iss_parameter_supported is not true"


def registration_impossible(seen: Observation) -> str | None:
    """A4: neither metadata documents nor dynamic registration."""
    metadata = seen.metadata
    if metadata is None or _documents_offered(seen) or "registration_endpoint" in metadata:
        return None
    return "no registration_endpoint and no client_id_metadata_document_supported"


def cimd_not_offered(seen: Observation) -> str | None:
    """A4: the primary way since 2026-07-28."""
    metadata = seen.metadata
    if metadata is None or _documents_offered(seen) or "registration_endpoint" not in metadata:
        return None
    return "client_id_metadata_document_supported is absent or false"


def cimd_flag_not_boolean(seen: Observation) -> str | None:
    """A2: clients look for the JSON value true."""
    flag = (seen.metadata or {}).get("client_id_metadata_document_supported")
    return None if flag is None or isinstance(flag, bool) else f"{flag!r:.40}"


def cimd_without_none(seen: Observation) -> str | None:
    """F7: Claude uses a metadata document only where none is advertised too."""
    if not _documents_offered(seen) or "none" in _methods(seen):
        return None
    return "metadata documents are offered, but not the method none"


def dcr_not_offered(seen: Observation) -> str | None:
    """A4: deprecated, and still the only way for many clients."""
    metadata = seen.metadata
    if metadata is None or "registration_endpoint" in metadata or not _documents_offered(seen):
        return None
    return "no registration_endpoint"


def scope_offline_access_missing(seen: Observation) -> str | None:
    """A2: clients that ask for offline_access do so only where it is advertised."""
    metadata = seen.metadata
    if metadata is None or "refresh_token" not in strings(metadata.get("grant_types_supported")):
        return None
    scopes = strings(metadata.get("scopes_supported"))
    return "scopes_supported without offline_access" if scopes and "offline_access" not in scopes else None


def scopes_not_advertised(seen: Observation) -> str | None:
    """A2: Gemini CLI and others ask for what this list says."""
    return "no scopes_supported" if seen.metadata is not None and "scopes_supported" not in seen.metadata else None


def scopes_of_resource_unknown(seen: Observation) -> str | None:
    """F13: the resource needs what the authorization server does not know."""
    known = strings((seen.metadata or {}).get("scopes_supported"))
    wanted = strings((seen.prm or {}).get("scopes_supported"))
    missing = [s for s in wanted if s not in known]
    return " ".join(missing) if known and missing else None


def par_required(seen: Observation) -> str | None:
    """A16: no client pushes its authorization request."""
    required = (seen.metadata or {}).get("require_pushed_authorization_requests") is True
    return "require_pushed_authorization_requests is true" if required else None


def dpop_required(seen: Observation) -> str | None:
    """A16: no client proves possession of a key."""
    prm, metadata = seen.prm or {}, seen.metadata or {}
    names = ("dpop_bound_access_tokens_required", "tls_client_certificate_bound_access_tokens")
    hit = [name for name in names if prm.get(name) is True or metadata.get(name) is True]
    return ", ".join(hit) or None


def revocation_missing(seen: Observation) -> str | None:
    """A2: a person who disconnects cannot take the token back."""
    metadata = seen.metadata
    return "no revocation_endpoint" if metadata is not None and "revocation_endpoint" not in metadata else None


def jwks_uri_missing(seen: Observation) -> str | None:
    """A2: nobody can verify a token offline; introspection is left."""
    metadata = seen.metadata
    if metadata is None or "jwks_uri" in metadata or "introspection_endpoint" not in metadata:
        return None
    return "no jwks_uri; an introspection_endpoint exists"


def tokens_not_verifiable(seen: Observation) -> str | None:
    """The beginning of it all: no key set and no introspection, so nobody but the issuer itself can tell a token."""
    metadata = seen.metadata
    if metadata is None or "jwks_uri" in metadata or "introspection_endpoint" in metadata:
        return None
    return "neither jwks_uri nor introspection_endpoint"


def _methods(seen: Observation) -> tuple[str, ...]:
    return strings((seen.metadata or {}).get("token_endpoint_auth_methods_supported"))


def _documents_offered(seen: Observation) -> bool:
    return (seen.metadata or {}).get("client_id_metadata_document_supported") is True
