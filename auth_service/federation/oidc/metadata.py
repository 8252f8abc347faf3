"""The metadata of a provider (OpenID Connect Discovery section 3): from unverified bytes to the used members. Pure.

Authlib's validation of metadata is not used: an environment variable lifts its rule for https, it does not compare the
issuer, and it refuses providers without RS256.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from auth_service.federation.configuration import check_provider_url
from shared.fetch.ssrf_safe_client import FetchRefused
from shared.jose.strict_json import BadJson, parse_json_object

MAX_METADATA_BYTES: Final = 64 * 1024
MAX_LIST: Final = 200

_ENDPOINTS: Final = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_LISTS: Final = (
    "code_challenge_methods_supported",
    "id_token_signing_alg_values_supported",
    "response_modes_supported",
    "response_types_supported",
    "scopes_supported",
    "token_endpoint_auth_methods_supported",
)

Document = Mapping[str, Any]


class MetadataRefused(FetchRefused):
    """The document cannot be used. The text is a sentence for the operator."""


@dataclass(frozen=True, slots=True)
class ProviderMetadata:
    """The members of the metadata that are used. A list is None if the document lacks it."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    token_endpoint_auth_methods: tuple[str, ...]
    id_token_algorithms: tuple[str, ...] | None
    response_modes: tuple[str, ...] | None
    scopes: tuple[str, ...] | None
    sends_issuer: bool
    """Whether authorization responses have `iss` (RFC 9207)."""


def parse_metadata(body: bytes, *, issuer: str) -> ProviderMetadata:
    """Check the document of the configured issuer. Raises MetadataRefused."""
    document = parse_document(body)
    for check in METADATA_CHECKS.values():
        problem = check(document, issuer)
        if problem:
            raise MetadataRefused(problem)
    return read_members(document)


def parse_document(body: bytes) -> dict[str, Any]:
    """Parse the document as a JSON object. Raises MetadataRefused."""
    try:
        return parse_json_object(body)
    except BadJson as exc:
        raise MetadataRefused(f"the metadata are no JSON object: {exc}") from exc


def read_members(document: Document) -> ProviderMetadata:
    """Read the used members of a document that passed the checks."""
    return ProviderMetadata(
        issuer=document["issuer"],
        authorization_endpoint=document["authorization_endpoint"],
        token_endpoint=document["token_endpoint"],
        jwks_uri=document["jwks_uri"],
        userinfo_endpoint=document.get("userinfo_endpoint"),
        # The default of RFC 8414 section 2.
        token_endpoint_auth_methods=_texts(document, "token_endpoint_auth_methods_supported")
        or ("client_secret_basic",),
        id_token_algorithms=_texts(document, "id_token_signing_alg_values_supported"),
        response_modes=_texts(document, "response_modes_supported"),
        scopes=_texts(document, "scopes_supported"),
        # Some providers write booleans as strings; to take "true" for true only demands more.
        sends_issuer=str(document.get("authorization_response_iss_parameter_supported")).lower() == "true",
    )


def _same_issuer(document: Document, issuer: str) -> str | None:
    stated = document.get("issuer")
    if stated == issuer:
        return None
    return f"the metadata are of the issuer {stated!r:.200}, but exactly {issuer!r} is configured"


def _usable_endpoints(document: Document, issuer: str) -> str | None:
    names = [*_ENDPOINTS, *(["userinfo_endpoint"] if document.get("userinfo_endpoint") is not None else [])]
    secure = urlsplit(issuer).scheme == "https"
    for name in names:
        value = document.get(name)
        if not isinstance(value, str):
            return f"the metadata have no {name}"
        try:
            check_provider_url(value)
        except ValueError as exc:
            return f"{name}: {exc}"
        # Of a provider elsewhere, an endpoint on a loopback address would be a service of this machine.
        if secure and urlsplit(value).scheme != "https":
            return f"{name} is not https, although the issuer is"
    return None


def _lists_of_texts(document: Document, issuer: str) -> str | None:
    del issuer
    for name in _LISTS:
        value = document.get(name)
        if value is not None and not (
            isinstance(value, list) and len(value) <= MAX_LIST and all(isinstance(member, str) for member in value)
        ):
            return f"{name} is not a list of at most {MAX_LIST} strings"
    return None


def _pkce(document: Document, issuer: str) -> str | None:
    del issuer
    methods = document.get("code_challenge_methods_supported")
    if not isinstance(methods, list) or "S256" in methods:
        return None
    return "the provider offers PKCE without S256, which is required"


def _code_flow(document: Document, issuer: str) -> str | None:
    del issuer
    types = document.get("response_types_supported")
    return (
        None if not isinstance(types, list) or "code" in types else "the provider does not offer the response type code"
    )


METADATA_CHECKS: Final[dict[str, Callable[[Document, str], str | None]]] = {
    "issuer": _same_issuer,
    "lists": _lists_of_texts,
    "endpoints": _usable_endpoints,
    "pkce": _pkce,
    "code_flow": _code_flow,
}
"""The checks. Each takes the document and the configured issuer, and returns a sentence about a violation."""


def _texts(document: Document, name: str) -> tuple[str, ...] | None:
    value = document.get(name)
    return None if value is None else tuple(value)
