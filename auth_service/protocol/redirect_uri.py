"""Redirect URIs: the rules for registration, matching, and the target that is shown to the user.

Pure. The same check runs at registration and at authorization (interop.md F5). Matching is by string equality, except
for the port of a loopback address (RFC 8252 section 7.3, RFC 9700 section 4.1.3). Invariant 7.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, parse_qsl, urlsplit

from auth_service.protocol.errors import InvalidRedirectUri

MAX_LENGTH: Final = 1024

KNOWN_REDIRECT_SCHEMES: Final = frozenset({"claude", "cursor", "vscode", "vscode-insiders", "warp", "warppreview"})
"""Private-use schemes that clients register (interop.md C7 and C20); AUTH_REDIRECT_SCHEMES replaces them."""

NEVER_SCHEMES: Final = frozenset(
    {
        "about",
        "blob",
        "chrome",
        "data",
        "file",
        "filesystem",
        "ftp",
        "intent",
        "javascript",
        "jar",
        "mailto",
        "vbscript",
    }
    | {"view-source", "ws", "wss"}
)
"""Schemes that run code, read files or mean something else in a browser: no setting allows them (interop.md A6)."""

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})

RESPONSE_PARAMETERS: Final = frozenset({"code", "error", "error_description", "error_uri", "iss", "state"})
"""Parameters that a response adds to the query. Clients differ in which of two they use (RFC 9207)."""

_URI_CHARACTERS: Final = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()+,;=%]+")
"""RFC 3986 without `#` and `*`: no space, control character, quote, backslash or wildcard."""

_SCHEME: Final = re.compile(r"([a-z][a-z0-9+.\-]*):")
_HOST_LABEL: Final = re.compile(r"[a-z0-9_](?:[a-z0-9_\-]{0,61}[a-z0-9_])?")
_LOOPBACK: Final = re.compile(r"http://(localhost|127\.0\.0\.1|\[::1\])(?::([0-9]{1,5}))?((?:[/?].*)?)")


class UnsupportedRedirectUri(InvalidRedirectUri):
    """A harmless redirect URI that is not supported: an unlisted private-use scheme, or http to another machine."""


@dataclass(frozen=True, slots=True)
class RedirectTarget:
    """The destination of an authorization response, as the consent page shows it."""

    host: str
    """The host, with its port unless it is the default; `scheme://` for an app."""
    is_local: bool
    is_app_scheme: bool


def check_redirect_uri(uri: str, *, redirect_schemes: frozenset[str]) -> None:
    """Check one redirect URI. Raises UnsupportedRedirectUri if it is only not offered, else InvalidRedirectUri."""
    if not 0 < len(uri) <= MAX_LENGTH:
        raise InvalidRedirectUri(f"a redirect URI of {len(uri)} characters", error_id="redirect_uri_length")
    scheme_match = _SCHEME.match(uri.lower())
    scheme = scheme_match[1] if scheme_match else ""
    if scheme in NEVER_SCHEMES:
        raise InvalidRedirectUri(f"the scheme {scheme} is never a redirect", error_id="redirect_uri_scheme")
    if _URI_CHARACTERS.fullmatch(uri) is None:
        raise InvalidRedirectUri(
            f"{uri!r:.200} has a fragment, a wildcard or a character that is not allowed in a URI",
            error_id="redirect_uri_characters",
        )
    if not scheme or not uri.startswith(scheme):
        raise InvalidRedirectUri(f"{uri!r:.200} has no lower-case scheme", error_id="redirect_uri_absolute")
    parts = _split(uri)
    if scheme in {"https", "http"}:
        host = _host_of(uri, parts.netloc)
        if scheme == "http" and host not in LOOPBACK_HOSTS:
            raise UnsupportedRedirectUri(f"{uri!r:.200} is http to another machine", error_id="redirect_uri_https")
    elif scheme not in redirect_schemes:
        raise UnsupportedRedirectUri(f"the scheme {scheme} is not on the list", error_id="redirect_uri_app_scheme")
    elif not uri.removeprefix(f"{scheme}:").strip("/"):
        raise InvalidRedirectUri(f"{uri!r:.200} is a bare scheme", error_id="redirect_uri_absolute")


def find_matching(registered: Iterable[str], presented: str) -> bool:
    """Whether a presented redirect URI matches a registered one.

    They are equal as strings; or both are http on the same loopback host with the same path and query, and any port
    matches, whether the registered one names a port or not (interop.md A5). `localhost` and `127.0.0.1` are two hosts.
    """
    registered = tuple(registered)
    if presented in registered:
        return True
    wanted = _without_port(presented)
    return wanted is not None and any(_without_port(uri) == wanted for uri in registered)


def redirect_target(uri: str) -> RedirectTarget:
    """The target of a redirect URI that passed `check_redirect_uri`."""
    parts = urlsplit(uri)
    if parts.scheme not in {"https", "http"}:
        # The text after a private-use scheme looks like a host but proves nothing: it is not shown.
        return RedirectTarget(host=f"{parts.scheme}://", is_local=True, is_app_scheme=True)
    host = re.sub(r":[0-9]*$", "", parts.netloc.lower())
    is_local = host in LOOPBACK_HOSTS
    shown = host if is_local or parts.port in {None, 443} else f"{host}:{parts.port}"
    return RedirectTarget(host=shown, is_local=is_local, is_app_scheme=False)


def _without_port(uri: str) -> tuple[str, str] | None:
    match = _LOOPBACK.fullmatch(uri)
    if match is None or (match[2] is not None and not 0 < int(match[2]) <= 65_535):
        return None
    return match[1], match[3]


def _split(uri: str) -> SplitResult:
    """The parts of a URI. Raises InvalidRedirectUri for user information, port 0 and parameters of responses."""
    try:
        parts = urlsplit(uri)
        port = parts.port
    except ValueError as exc:
        raise InvalidRedirectUri(f"{uri!r:.200} is not a URI: {exc}", error_id="redirect_uri_parses") from exc
    if "@" in parts.netloc:
        raise InvalidRedirectUri(f"{uri!r:.200} has user information", error_id="redirect_uri_userinfo")
    if port == 0:
        raise InvalidRedirectUri(f"{uri!r:.200} names port 0", error_id="redirect_uri_port")
    if not RESPONSE_PARAMETERS.isdisjoint(name for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        raise InvalidRedirectUri(
            f"{uri!r:.200} has a parameter of authorization responses in its query", error_id="redirect_uri_query"
        )
    return parts


def _host_of(uri: str, netloc: str) -> str:
    """The host, with brackets kept. Raises InvalidRedirectUri if a browser could parse another host."""
    host = netloc.lower()
    if host.startswith("["):
        literal, bracket, rest = host[1:].partition("]")
        try:
            address = ipaddress.IPv6Address(literal)
        except ValueError:
            address = None
        if not bracket or address is None or address.scope_id is not None or (rest and not rest.startswith(":")):
            raise InvalidRedirectUri(f"{uri!r:.200} has a bad IPv6 address", error_id="redirect_uri_host")
        return f"[{literal}]"
    host = host.partition(":")[0]
    labels = host.split(".")
    if not host or len(host) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in labels):
        raise InvalidRedirectUri(f"{uri!r:.200} has no plain host name", error_id="redirect_uri_host")
    if re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        # A numeric last label makes browsers parse an IPv4 address: only the dotted notation is unambiguous.
        try:
            ipaddress.IPv4Address(host)
        except ValueError as exc:
            raise InvalidRedirectUri(
                f"{uri!r:.200} has an ambiguous IPv4 address", error_id="redirect_uri_host"
            ) from exc
    return host
