"""Compares an entry with the documents of its provider, to report faults before a user signs in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.federation.oidc.metadata import (
    MAX_METADATA_BYTES,
    METADATA_CHECKS,
    MetadataRefused,
    parse_document,
    read_members,
)
from auth_service.federation.provider import ProviderDiagnosis
from auth_service.federation.provider_keys import MAX_JWKS_BYTES, JwksRefused, parse_provider_keys
from shared.fetch.ssrf_safe_client import FetchFailed

if TYPE_CHECKING:
    from auth_service.federation.configuration import OidcProvider
    from auth_service.federation.http import ProviderHttp
    from auth_service.federation.oidc.client_authentication import ClientAuthentication
    from auth_service.federation.oidc.metadata import ProviderMetadata
    from auth_service.federation.oidc.presets import ProviderProfile


async def diagnose(
    entry: OidcProvider, profile: ProviderProfile, authentication: ClientAuthentication, fetch: ProviderHttp
) -> ProviderDiagnosis:
    """The faults that show without a sign-in. Makes two requests and stores nothing."""
    try:
        answer = await fetch.get(profile.discovery_url, max_bytes=MAX_METADATA_BYTES)
        document = parse_document(answer.body)
    except MetadataRefused as exc:
        return ProviderDiagnosis((f"{profile.discovery_url}: {exc}.",))
    except FetchFailed as exc:
        return ProviderDiagnosis((f"{profile.discovery_url} cannot be fetched: {exc}.",))
    problems = tuple(
        f"{profile.discovery_url}: {problem}."
        for check in METADATA_CHECKS.values()
        if (problem := check(document, profile.issuer)) is not None
    )
    if problems:
        return ProviderDiagnosis(problems)
    metadata = read_members(document)
    return ProviderDiagnosis(
        problems=(*_offers(entry, profile, authentication, metadata), *await _keys(entry, metadata, fetch)),
        warnings=_unlisted_scopes(entry, metadata),
    )


def _offers(
    entry: OidcProvider, profile: ProviderProfile, authentication: ClientAuthentication, metadata: ProviderMetadata
) -> list[str]:
    """Sentences about the features that the entry uses and the provider does not offer."""
    problems = []
    method = authentication.method(metadata)
    if method not in metadata.token_endpoint_auth_methods:
        offered = ", ".join(metadata.token_endpoint_auth_methods)
        problems.append(f"The provider does not offer {method} at its token endpoint, only {offered}.")
    if metadata.id_token_algorithms is not None and not set(entry.id_token_algorithms) & set(
        metadata.id_token_algorithms
    ):
        problems.append(
            f"The provider signs ID tokens with {', '.join(metadata.id_token_algorithms)}, "
            f"but id_token_algorithms is {', '.join(entry.id_token_algorithms)}."
        )
    if entry.response_mode == "form_post" and "form_post" not in (metadata.response_modes or ("form_post",)):
        problems.append("The provider does not offer the response mode form_post.")
    if profile.userinfo and metadata.userinfo_endpoint is None:
        problems.append("userinfo is on, but the provider has no userinfo endpoint.")
    return problems


def _unlisted_scopes(entry: OidcProvider, metadata: ProviderMetadata) -> tuple[str, ...]:
    """The requested scopes that the metadata lack: a warning, as a list need not be complete (RFC 8414 section 2)."""
    missing = [scope for scope in entry.scopes if metadata.scopes is not None and scope not in metadata.scopes]
    if not missing:
        return ()
    return (f"The provider does not list the scopes {', '.join(missing)}: if it has none of that name, sign-ins fail.",)


async def _keys(entry: OidcProvider, metadata: ProviderMetadata, fetch: ProviderHttp) -> list[str]:
    try:
        answer = await fetch.get(metadata.jwks_uri, max_bytes=MAX_JWKS_BYTES)
        keys = parse_provider_keys(answer.body, algorithms=frozenset(entry.id_token_algorithms))
    except JwksRefused as exc:
        return [f"{metadata.jwks_uri}: {exc}."]
    except FetchFailed as exc:
        return [f"{metadata.jwks_uri} cannot be fetched: {exc}."]
    if keys:
        return []
    return [f"{metadata.jwks_uri} has no key for {', '.join(entry.id_token_algorithms)}: no ID token can be verified."]
