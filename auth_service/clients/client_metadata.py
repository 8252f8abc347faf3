"""Client metadata: from the requested members (RFC 7591 section 2) to the effective ones.

Pure. Unknown members are ignored, unsupported grant types are dropped, and the response shows the effective set
(interop.md A7). Only members that a later rule reads are kept, each of bounded size.

Redirect URIs (interop.md A6): one that is dangerous or malformed refuses the whole request, because no honest client
sends it. One that is only unsupported here (a scheme that is not listed, http to another machine) is dropped while
another remains, because Cursor and VS Code send mixed lists.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from auth_service.protocol.errors import InvalidClientMetadata, InvalidRedirectUri
from auth_service.protocol.redirect_uri import UnsupportedRedirectUri, check_redirect_uri
from shared.jose.algorithms import is_secret

SUPPORTED_GRANT_TYPES: Final = ("authorization_code", "refresh_token")
SECRET_METHODS: Final = frozenset({"client_secret_basic", "client_secret_post"})
SUPPORTED_METHODS: Final = ("none", "client_secret_basic", "client_secret_post", "private_key_jwt")
"""The supported methods, in the order of the server metadata: `none` first (interop.md A2)."""

DEFAULT_METHOD: Final = "client_secret_basic"
"""RFC 7591 section 2: the method of a request without token_endpoint_auth_method."""

MAX_REDIRECT_URIS: Final = 16
MAX_REDIRECT_CHARACTERS: Final = 4096
"""The maximum characters of all redirect URIs together, so that a registration stays small."""

MAX_NAME: Final = 80
MAX_URL: Final = 512
MAX_KEYS: Final = 10
MAX_METADATA_BYTES: Final = 6144
"""The maximum bytes of the effective metadata as JSON in UTF-8. Known clients stay below one kilobyte."""

KEY_MEMBERS: Final[Mapping[str, int]] = {
    "kty": 8,
    "crv": 16,
    "n": 1400,
    "e": 16,
    "x": 128,
    "y": 128,
    "kid": 200,
    "alg": 16,
    "use": 8,
}
"""The members of a public key that a rule reads, and the most characters of each; `n` has 8,192 bits (RFC 7518)."""

_KEY_OPERATIONS: Final = frozenset({"sign", "verify", "encrypt", "decrypt", "wrapKey", "unwrapKey"})


@dataclass(frozen=True, slots=True)
class ClientMetadata:
    """The effective metadata: every member is checked and bounded."""

    redirect_uris: tuple[str, ...]
    grant_types: tuple[str, ...]
    authentication_method: str
    client_name: str | None = None
    client_uri: str | None = None
    logo_uri: str | None = None
    scope: str | None = None
    """The requested scope, which limits nothing: clients register their first scopes and step up (interop.md F13)."""
    jwks: dict[str, Any] | None = None
    jwks_uri: str | None = None

    def as_members(self) -> dict[str, Any]:
        """The members of an RFC 7591 response, without absent ones."""
        members: dict[str, Any] = {
            "redirect_uris": list(self.redirect_uris),
            "grant_types": list(self.grant_types),
            "response_types": ["code"],
            "token_endpoint_auth_method": self.authentication_method,
            "client_name": self.client_name,
            "client_uri": self.client_uri,
            "logo_uri": self.logo_uri,
            "scope": self.scope,
            "jwks": self.jwks,
            "jwks_uri": self.jwks_uri,
        }
        return {name: value for name, value in members.items() if value is not None}

    def as_json(self) -> str:
        """The members as the compact JSON that is stored."""
        return json.dumps(self.as_members(), separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def effective_metadata(unverified: Mapping[str, Any], *, redirect_schemes: frozenset[str]) -> ClientMetadata:
    """The metadata to register. Raises InvalidRedirectUri or InvalidClientMetadata (RFC 7591 section 3.2.2)."""
    method = _method(unverified.get("token_endpoint_auth_method"))
    jwks, jwks_uri = key_members(unverified)
    if method == "private_key_jwt" and jwks is None and jwks_uri is None:
        raise InvalidClientMetadata("private_key_jwt without jwks or jwks_uri", error_id="client_keys")
    _check_response_types(unverified.get("response_types"))
    metadata = ClientMetadata(
        redirect_uris=redirect_uris(unverified.get("redirect_uris"), redirect_schemes=redirect_schemes),
        grant_types=granted_types(unverified.get("grant_types")),
        authentication_method=method,
        client_name=display_name(unverified.get("client_name")),
        client_uri=web_address(unverified.get("client_uri")),
        logo_uri=web_address(unverified.get("logo_uri")),
        scope=_scope(unverified.get("scope")),
        jwks=jwks if method == "private_key_jwt" else None,
        jwks_uri=jwks_uri if method == "private_key_jwt" else None,
    )
    if len(metadata.as_json().encode()) > MAX_METADATA_BYTES:
        raise InvalidClientMetadata(f"more than {MAX_METADATA_BYTES} bytes", error_id="client_metadata_size")
    return metadata


def redirect_uris(unverified: object, *, redirect_schemes: frozenset[str]) -> tuple[str, ...]:
    """The acceptable redirect URIs of a list, in order. Raises InvalidRedirectUri as described above."""
    uris = _strings(unverified)
    if not uris:
        raise InvalidRedirectUri("redirect_uris is not a list of strings with at least one", error_id="redirect_uris")
    if len(uris) > MAX_REDIRECT_URIS or sum(map(len, uris)) > MAX_REDIRECT_CHARACTERS:
        raise InvalidRedirectUri(f"{len(uris)} redirect URIs, or too long ones", error_id="redirect_uris_number")
    accepted: dict[str, None] = {}
    last: UnsupportedRedirectUri | None = None
    for uri in uris:
        try:
            check_redirect_uri(uri, redirect_schemes=redirect_schemes)
        except UnsupportedRedirectUri as exc:
            last = exc
        else:
            accepted[uri] = None
    if not accepted and last is not None:
        raise last
    return tuple(accepted)


def granted_types(unverified: object) -> tuple[str, ...]:
    """The supported grant types among those requested; both if none are named, so that access can be refreshed.

    VS Code's device_code is dropped (interop.md A7). Raises InvalidClientMetadata if authorization_code is missing.
    """
    if unverified is None:
        return SUPPORTED_GRANT_TYPES
    asked = _strings(unverified)
    if asked is None:
        raise InvalidClientMetadata("grant_types is not a list of strings", error_id="grant_types")
    if not asked:
        return SUPPORTED_GRANT_TYPES
    if "authorization_code" not in asked:
        raise InvalidClientMetadata("grant_types without authorization_code", error_id="grant_types")
    return tuple(grant for grant in SUPPORTED_GRANT_TYPES if grant in asked)


def display_name(unverified: object) -> str | None:
    """A client name that is safe to show: one line, bounded, without control or direction characters; or None."""
    if not isinstance(unverified, str):
        return None
    # Category C: controls, direction overrides, surrogates and private use, all of which can disguise a name.
    visible = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in unverified[: 4 * MAX_NAME])
    name = " ".join(visible.split())
    return name[:MAX_NAME].rstrip() or None


def key_members(unverified: Mapping[str, Any]) -> tuple[dict[str, Any] | None, str | None]:
    """The client's public keys: `jwks` or `jwks_uri`, never both. Raises InvalidClientMetadata."""
    jwks = unverified.get("jwks")
    jwks_uri = unverified.get("jwks_uri")
    if jwks is not None and jwks_uri is not None:
        raise InvalidClientMetadata("both jwks and jwks_uri", error_id="client_keys")
    if jwks is not None:
        return {"keys": public_keys(jwks)}, None
    if jwks_uri is None:
        return None, None
    if not isinstance(jwks_uri, str) or web_address(jwks_uri) is None:
        raise InvalidClientMetadata("jwks_uri is not a plain https URL", error_id="client_keys")
    return None, jwks_uri


def public_keys(unverified: object) -> list[dict[str, Any]]:
    """The keys of a client's key set, reduced to `KEY_MEMBERS` and `key_ops`. Raises InvalidClientMetadata.

    A key with such a member that is no bounded string verifies nothing and is left out; so is every other member. A set
    with a private or symmetric key, or without a usable one, is refused.
    """
    keys = unverified.get("keys") if isinstance(unverified, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= MAX_KEYS or not all(isinstance(k, dict) for k in keys):
        raise InvalidClientMetadata("jwks is not a set of a few keys", error_id="client_keys")
    if any(is_secret(key) for key in keys):
        raise InvalidClientMetadata("jwks holds a private or a symmetric key", error_id="client_keys_public")
    known = [key for key in map(_known_members, keys) if key is not None]
    if not known:
        raise InvalidClientMetadata("no key of jwks has members of the expected form", error_id="client_keys")
    return known


def _known_members(unverified_key: Mapping[str, Any]) -> dict[str, Any] | None:
    key: dict[str, Any] = {}
    for name, longest in KEY_MEMBERS.items():
        if name not in unverified_key:
            continue
        value = unverified_key[name]
        if not isinstance(value, str) or len(value) > longest or not value.isascii():
            return None
        key[name] = value
    operations = _strings(unverified_key.get("key_ops", []))
    if operations is None:
        return None
    if "key_ops" in unverified_key:
        key["key_ops"] = sorted(_KEY_OPERATIONS.intersection(operations))
    return key


def _method(unverified: object) -> str:
    if unverified is None:
        return DEFAULT_METHOD
    if not isinstance(unverified, str) or unverified not in SUPPORTED_METHODS:
        raise InvalidClientMetadata(
            f"the authentication method {unverified!r:.60} is not offered", error_id="token_endpoint_auth_method"
        )
    return unverified


def _check_response_types(unverified: object) -> None:
    asked = None if unverified is None else _strings(unverified)
    if unverified is not None and (asked is None or (asked and "code" not in asked)):
        raise InvalidClientMetadata("response_types without code", error_id="response_types")


def _scope(unverified: object) -> str | None:
    if not isinstance(unverified, str) or len(unverified) > MAX_URL or not unverified.isascii():
        return None
    return unverified if unverified.isprintable() and unverified.strip() else None


def web_address(unverified: object) -> str | None:
    """A plain https URL; anything else counts as absent."""
    if not isinstance(unverified, str) or len(unverified) > MAX_URL or not unverified.isascii():
        return None
    if not unverified.startswith("https://") or not unverified.isprintable() or " " in unverified or "\\" in unverified:
        return None
    try:
        parts = urlsplit(unverified)
    except ValueError:
        return None
    return unverified if parts.hostname and "@" not in parts.netloc and not parts.fragment else None


def _strings(unverified: object) -> list[str] | None:
    if isinstance(unverified, list) and all(isinstance(item, str) for item in unverified):
        return list(unverified)
    return None
