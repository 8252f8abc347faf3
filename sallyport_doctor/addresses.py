"""Well-known URLs of a resource or an issuer, and the classification of hosts. Pure."""

from __future__ import annotations

import ipaddress
from enum import StrEnum
from typing import TypeGuard
from urllib.parse import SplitResult, urlencode, urljoin, urlsplit


class Reach(StrEnum):
    """The network from which a host is reachable."""

    LOOPBACK = "this machine only"
    PRIVATE = "a private network only"
    PUBLIC = "the public internet"


def split(url: str) -> SplitResult:
    """The parts of an untrusted URL; all empty when it is invalid. Never raises."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # urlsplit validates the port only on access
    except ValueError:
        return SplitResult("", "", "", "", "")
    return parts


def join(base: str, location: str) -> str:
    """The absolute URL of a relative or absolute location; empty when it is invalid."""
    try:
        return urljoin(base, location)
    except ValueError:
        return ""


def with_query(url: str, parameters: list[tuple[str, str]]) -> str:
    """The URL with parameters added to its query."""
    return f"{url}{'&' if split(url).query else '?'}{urlencode(parameters)}"


def origin_of(url: str) -> str:
    """Scheme, host and port as written."""
    parts = split(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """The path without trailing slashes; empty for a bare origin."""
    return split(url).path.rstrip("/")


def resource_metadata_path_form(resource: str) -> str:
    """The path-inserted URL of protected resource metadata (RFC 9728 section 3.1)."""
    return f"{origin_of(resource)}/.well-known/oauth-protected-resource{path_of(resource)}"


def resource_metadata_root_form(resource: str) -> str:
    """The root URL of protected resource metadata, the fallback of clients."""
    return f"{origin_of(resource)}/.well-known/oauth-protected-resource"


def server_metadata_forms(issuer: str) -> dict[str, str]:
    """The URLs of authorization server metadata by form, in the order in which clients try them."""
    origin, path = origin_of(issuer), path_of(issuer)
    forms = {
        "oauth": f"{origin}/.well-known/oauth-authorization-server{path}",
        "openid": f"{origin}/.well-known/openid-configuration{path}",
    }
    if path:
        forms["openid-appended"] = f"{origin}{path}/.well-known/openid-configuration"
    return forms


def is_loopback(host: str) -> bool:
    """Whether a host name or address literal is loopback."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def reach_of(host: str, addresses: tuple[str, ...]) -> Reach:
    """The reach of a host with these addresses. One private address makes it private.

    Claude rejects a host if any of its addresses is not public (docs/interop.md A17).
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
    """Whether a URL is http on a host that is not loopback."""
    parts = split(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def without_default_port(url: str) -> str:
    """The URL without `:443` of https or `:80` of http; unchanged otherwise."""
    parts = split(url)
    default = {"https": ":443", "http": ":80"}.get(parts.scheme, "")
    if not default or not parts.netloc.endswith(default):
        return url
    return url.replace(parts.netloc, parts.netloc.removesuffix(default), 1)


def with_scheme(entered: str) -> str:
    """The entered URL with the scheme that users leave out: http on this machine, https elsewhere.

    Unchanged if it has a scheme or is no URL with either.
    """
    completed = f"https://{entered}"
    if "://" in entered or not is_absolute(completed):
        return entered
    return f"http://{entered}" if is_loopback(split(completed).hostname or "") else completed


def is_absolute(url: object) -> TypeGuard[str]:
    """Whether a value is an absolute http or https URL."""
    if not isinstance(url, str):
        return False
    parts = split(url)
    return parts.scheme in {"https", "http"} and bool(parts.hostname)
