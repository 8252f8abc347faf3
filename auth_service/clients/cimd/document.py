"""Client ID metadata documents (CIMD): the rules for their URLs and their contents.

Pure. draft-ietf-oauth-client-id-metadata-document sections 3 to 6, MCP authorization 2026-07-28, interop.md A15
and F7.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from auth_service.clients import client_metadata
from auth_service.clients.client import Client, ClientKind
from auth_service.protocol.errors import InvalidClientMetadata, InvalidRedirectUri, UnacceptableCimd
from auth_service.protocol.redirect_uri import KNOWN_REDIRECT_SCHEMES, LOOPBACK_HOSTS
from shared.http.media_type import essence_of
from shared.jose.strict_json import BadJson, parse_json_object

MAX_URL: Final = 512
MAX_DOCUMENT_BYTES: Final = 5 * 1024

_URL: Final = re.compile(r"https?://[A-Za-z0-9\-._:\[\]]+/[A-Za-z0-9\-._~:/?@!$&'()+,;=%]*")
_DOT_SEGMENT: Final = re.compile(r"/(?:\.|%2e){1,2}(?:/|\?|$)", re.IGNORECASE)
_HOST_NAME: Final = re.compile(r"(?:[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9\-]{0,61}[a-z0-9]")
_JSON_TYPE: Final = re.compile(r"application/(?:[a-z0-9.\-]+\+)?json")
_FORBIDDEN: Final = ("client_secret", "client_secret_expires_at", "registration_access_token")


@dataclass(frozen=True, slots=True)
class CimdPolicy:
    """The operator's rules for documents and for the hosts from which they are fetched.

    A name stands for that host; one with a leading dot for every host below it. Denied names take precedence; an empty
    allow-list allows every host.
    """

    enabled: bool = True
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()
    loopback: bool = False
    """The development switch: documents on this machine are allowed too, also over http."""
    redirect_schemes: frozenset[str] = KNOWN_REDIRECT_SCHEMES
    """Private-use URI schemes accepted in redirect URIs."""

    def permits(self, host: str) -> bool:
        """Whether documents of this host may be used."""
        if any(_covers(name, host) for name in self.deny):
            return False
        return not self.allow or any(_covers(name, host) for name in self.allow)

    def names_host_of(self, url: str) -> bool:
        """Whether the allow-list names the host of this document; an empty one names none."""
        host = _bare_host(url)
        return bool(self.allow) and self.permits(host)


def is_loopback_url(url: str) -> bool:
    """Whether an accepted document URL names this machine."""
    return _bare_host(url) in LOOPBACK_HOSTS


def check_cimd_url(url: str, policy: CimdPolicy) -> None:
    """Check a client_id that is a URL, before anything is fetched. Raises UnacceptableCimd."""
    if not policy.enabled:
        raise UnacceptableCimd("client ID metadata documents are switched off")
    if len(url) > MAX_URL or _URL.fullmatch(url) is None:
        raise UnacceptableCimd(
            "the client_id is too long, or has a fragment, user information or a character that it may not have"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise UnacceptableCimd(f"the client_id is not a URL: {exc}") from exc
    if "@" in parts.netloc or port == 0 or parts.netloc.endswith(":"):
        raise UnacceptableCimd("the client_id has user information or a bad port")
    if parts.path == "/" or _DOT_SEGMENT.search(parts.path):
        raise UnacceptableCimd("the client_id has no path, or one with dot segments")
    host = _bare_host(url)
    if policy.loopback and host in LOOPBACK_HOSTS:
        return
    if parts.scheme != "https":
        raise UnacceptableCimd("the client_id is not https")
    # A name with a dot whose last label begins with a letter excludes addresses in every notation.
    if _HOST_NAME.fullmatch(host) is None:
        raise UnacceptableCimd(f"the host {host!r:.100} is not a public name")
    if not policy.permits(host):
        raise UnacceptableCimd(f"the policy does not permit documents of {host}")


def read_cimd(url: str, unverified_body: bytes, *, content_type: str, redirect_schemes: frozenset[str]) -> Client:
    """The client that a document describes. Raises UnacceptableCimd, or CimdNotJson if it is not JSON."""
    unverified = _parse(unverified_body, content_type)
    if unverified.get("client_id") != url:
        raise UnacceptableCimd("client_id in the document is not the URL that it was fetched from")
    if any(name in unverified for name in _FORBIDDEN):
        raise UnacceptableCimd("the document holds a secret")
    name = client_metadata.display_name(unverified.get("client_name"))
    if name is None:
        raise UnacceptableCimd("the document has no client_name")
    try:
        uris = client_metadata.redirect_uris(unverified.get("redirect_uris"), redirect_schemes=redirect_schemes)
        grants = client_metadata.granted_types(unverified.get("grant_types"))
        jwks, jwks_uri = client_metadata.key_members(unverified)
    except (InvalidRedirectUri, InvalidClientMetadata) as exc:
        raise UnacceptableCimd(exc.reason) from exc
    return Client(
        client_id=url,
        kind=ClientKind.METADATA_DOCUMENT,
        redirect_uris=uris,
        client_name=name,
        client_uri=client_metadata.web_address(unverified.get("client_uri")),
        logo_uri=client_metadata.web_address(unverified.get("logo_uri")),
        grant_types=frozenset(grants),
        authentication_methods=_authentication_methods(unverified, has_keys=jwks is not None or jwks_uri is not None),
        jwks=jwks,
        jwks_uri=jwks_uri,
    )


class CimdNotJson(UnacceptableCimd):
    """Something else in place of the document: a page, a bot challenge, JSON under another media type."""


def _authentication_methods(unverified: Mapping[str, Any], *, has_keys: bool) -> frozenset[str]:
    """The client's authentication methods: the singular and the plural member are read as one list (interop.md F7).

    ChatGPT's document has `private_key_jwt` in the singular and lists `none` in the plural. Without either the method
    is `none`: the default of RFC 7591 is a secret, and a public document has none.
    """
    singular = unverified.get("token_endpoint_auth_method")
    plural = unverified.get("token_endpoint_auth_methods_supported")
    listed = list(plural) if isinstance(plural, list) else []
    offered = {m for m in (singular, *listed) if isinstance(m, str)} or {"none"}
    if not has_keys:
        offered.discard("private_key_jwt")
    usable = frozenset(offered & {"none", "private_key_jwt"})
    if not usable:
        raise UnacceptableCimd(f"no authentication method in common: {sorted(offered)!r:.200}")
    return usable


def _parse(body: bytes, content_type: str) -> dict[str, Any]:
    media_type = essence_of(content_type)
    if _JSON_TYPE.fullmatch(media_type) is None:
        raise CimdNotJson(f"the content type is {media_type!r:.60}, not JSON")
    try:
        return parse_json_object(body)
    except BadJson as exc:
        raise CimdNotJson(f"the document is no JSON object: {exc}"[:200]) from exc


def _bare_host(url: str) -> str:
    netloc = urlsplit(url).netloc.lower()
    return re.sub(r":[0-9]*$", "", netloc)


def _covers(name: str, host: str) -> bool:
    return host.endswith(name) if name.startswith(".") else host == name
