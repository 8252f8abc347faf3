"""Rules for the configured identifiers, issuer and resource, and for the beginnings of addresses.

Invariant 1: each is one configured string, checked once at start and never rebuilt. These functions return exactly
their argument, or raise: no URL class may add a slash or change case.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from shared.ip_addresses import PRIVATE_NETWORKS, is_in, parse_ip_address


def is_loopback_host(host: str) -> bool:
    """Whether a host name or address literal (no brackets) means this machine: localhost, 127.0.0.0/8, ::1."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_issuer(value: str) -> str:
    """Return the issuer unchanged, or raise ValueError with the violated rule (RFC 8414 section 2)."""
    _check(value, "issuer")
    return value


def check_resource(value: str) -> str:
    """Return the resource identifier unchanged, or raise ValueError (RFC 8707 section 2, interop.md R3).

    A path is required: URL classes of some clients add a slash to a bare host, which breaks string equality.
    """
    _check(value, "resource")
    if not urlsplit(value).path:
        raise ValueError(f"the resource {value!r} needs a path, such as /mcp")
    return value


def check_prefix(value: str) -> str:
    """Return the beginning of addresses unchanged, or raise ValueError. A final slash is allowed.

    Plain http is allowed on a private address too: its network is the operator's.
    """
    _check(value.removesuffix("/"), "prefix", may_be_private=True)
    return value


def origin_of(url: str) -> str:
    """The scheme, host and port of a configured URL, as written."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def path_of(url: str) -> str:
    """The path of a configured URL: empty, or beginning with a slash and not ending with one."""
    return urlsplit(url).path


def _is_private_address(host: str) -> bool:
    address = parse_ip_address(host)
    return address is not None and is_in(address, PRIVATE_NETWORKS)


def _check(value: str, kind: str, *, may_be_private: bool = False) -> None:
    if not value.isascii() or any(c.isspace() for c in value):
        raise ValueError(f"the {kind} {value!r} has characters that a URL cannot have")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as exc:
        raise ValueError(f"the {kind} {value!r} is not a URL: {exc}") from exc
    host = parts.hostname
    if not host:
        raise ValueError(f"the {kind} {value!r} is not an absolute URL")
    problems = [
        (parts.username is not None or parts.password is not None, "has user information"),
        ("?" in value, "has a query"),
        ("#" in value, "has a fragment"),
        (value.endswith("/"), "ends with a slash; clients compare byte by byte"),
        (parts.netloc != parts.netloc.lower(), "has an upper-case host"),
        (not value.startswith(f"{parts.scheme}://"), "has an upper-case scheme"),
        (
            (parts.scheme == "https" and port == 443) or (parts.scheme == "http" and port == 80),
            "names the default port",
        ),
        ("//" in parts.path or "/." in parts.path or "%" in parts.path, "has a path that is not plain"),
        (parts.scheme not in {"https", "http"}, "is neither https nor http"),
        (
            parts.scheme == "http" and not (is_loopback_host(host) or (may_be_private and _is_private_address(host))),
            f"is http on a host that is not loopback{' or a private address' if may_be_private else ''}",
        ),
    ]
    for wrong, complaint in problems:
        if wrong:
            raise ValueError(f"the {kind} {value!r} {complaint}")
