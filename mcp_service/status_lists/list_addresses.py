"""The addresses at which a status list may be fetched: those below a configured prefix (invariants 2 and 10).

Pure. An address comes from a token, and a request for it leaves this machine: the operator decides where it may go. An
address is compared and requested byte by byte, so that no two parsers read it differently.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_PLAIN_PATH: Final = re.compile(r"(?:[A-Za-z0-9._~!$&'()*+,;=:@-]+/)*[A-Za-z0-9._~!$&'()*+,;=:@-]+")
"""Segments of unreserved characters, delimiters, `:` and `@` (RFC 3986 section 3.3): none is empty or encoded."""


class ListAddresses:
    """The addresses below the prefixes."""

    def __init__(self, prefixes: Iterable[str]) -> None:
        """Each prefix ends at the boundary of a path segment, with or without a slash."""
        self._prefixes = tuple(f"{prefix.removesuffix('/')}/" for prefix in prefixes)

    def allow(self, unverified_uri: str) -> bool:
        """Whether the address is of the origin and below the path of a prefix, and is written plainly."""
        for prefix in self._prefixes:
            if unverified_uri.startswith(prefix):
                rest = unverified_uri[len(prefix) :]
                is_plain = _PLAIN_PATH.fullmatch(rest) is not None
                return is_plain and {".", ".."}.isdisjoint(rest.split("/"))
        return False
