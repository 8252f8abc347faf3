"""A tolerant parser of the WWW-Authenticate header (RFC 9110 section 11.6.1). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER = re.compile(rf'({_TOKEN})\s*=\s*("(?:[^"\\]|\\.)*"|{_TOKEN}[^,\s]*)')
_SCHEME = re.compile(rf"({_TOKEN})(?:\s+|$)")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One challenge: the scheme in lower case, its parameters by lower-case name; of a repeated one the first value."""

    scheme: str
    parameters: Mapping[str, str]
    repeated: tuple[tuple[str, str], ...] = ()
    """The further values of repeated parameters, which RFC 9110 section 11.2 forbids."""


def read_challenges(header: str) -> tuple[Challenge, ...]:
    """Split a header into its challenges; an empty tuple when it is malformed."""
    found: list[Challenge] = []
    rest = header.strip()
    while rest:
        scheme = _SCHEME.match(rest)
        if scheme is None:
            return ()
        rest = rest[scheme.end() :].lstrip(", ")
        parameters: dict[str, str] = {}
        repeated: list[tuple[str, str]] = []
        while parameter := _PARAMETER.match(rest):
            name, value = parameter.group(1).lower(), parameter.group(2)
            if value.startswith('"'):
                value = re.sub(r"\\(.)", r"\1", value[1:-1])
            if name in parameters:
                repeated.append((name, value))
            else:
                parameters[name] = value
            rest = rest[parameter.end() :].lstrip(", ")
        found.append(Challenge(scheme.group(1).lower(), MappingProxyType(parameters), tuple(repeated)))
    return tuple(found)


def bearer_challenge(header: str | None) -> Challenge | None:
    """The first Bearer challenge of a header; None when there is none."""
    for challenge in read_challenges(header or ""):
        if challenge.scheme == "bearer":
            return challenge
    return None
