"""Where metadata is looked for: the well-known addresses, built from a resource or an issuer. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from urllib.parse import SplitResult, urljoin, urlsplit


class Reach(StrEnum):
    """From where an address can be reached."""

    LOOPBACK = "this machine only"
    PRIVATE = "a private network only"
    PUBLIC = "the public internet"


def split(url: str) -> SplitResult:
    """The parts of a URL that a stranger wrote; all empty when it is none, and never an exception."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # a bad port is noticed only when it is asked for
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def join(base: str, location: str) -> str:
    """Where a relative or absolute location leads; empty when it leads nowhere."""
    try:
        return urljoin(base, location)
    except ValueError:
        return ""


def origin_of(url: str) -> str:
    """Scheme, host and port as written."""
    parts = split(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """The path without a final slash; empty for a bare origin."""
    return split(url).path.rstrip("/")


def resource_metadata_path_form(resource: str) -> str:
    """The path-inserted address of protected resource metadata (RFC 9728 section 3.1)."""
    return f"{origin_of(resource)}/.well-known/oauth-protected-resource{path_of(resource)}"


def resource_metadata_root_form(resource: str) -> str:
    """The root address of protected resource metadata, which clients try second."""
    return f"{origin_of(resource)}/.well-known/oauth-protected-resource"


def server_metadata_forms(issuer: str) -> dict[str, str]:
    """The addresses of authorization server metadata by form, in the order in which clients try them."""
    origin, path = origin_of(issuer), path_of(issuer)
    forms = {
        "oauth": f"{origin}/.well-known/oauth-authorization-server{path}",
        "openid": f"{origin}/.well-known/openid-configuration{path}",
    }
    if path:
        forms["openid-appended"] = f"{origin}{path}/.well-known/openid-configuration"
    return forms


def is_loopback(host: str) -> bool:
    """Whether a host name or literal means this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reach_of(host: str, addresses: tuple[str, ...]) -> Reach:
    """How far a host can be reached, by its name and the addresses it resolves to; the narrowest of them counts.

    Claude rejects a host with any non-public address (reference: hosted surfaces, network), so one is enough.
    """
    if is_loopback(host):
        return Reach.LOOPBACK
    parsed = [ipaddress.ip_address(a.split("%")[0]) for a in addresses]
    if parsed and all(a.is_loopback for a in parsed):
        return Reach.LOOPBACK
    if any(not a.is_global for a in parsed):
        return Reach.PRIVATE
    return Reach.PUBLIC


def uses_plain_http(url: str) -> bool:
    """Whether a URL is http on a host other than this machine."""
    parts = split(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_absolute(url: object) -> bool:
    """Whether a value is an absolute http or https URL."""
    if not isinstance(url, str):
        return False
    parts = split(url)
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
