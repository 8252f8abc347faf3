"""The scopes that a resource needs, by its URI: exact entries of the map first, then the longest prefix.

Pure. Servers read some URIs differently than they are written: the Python and the TypeScript SDK parse a URI as a
browser does, with the scheme in small letters and without spaces around it; others decode it and resolve dots. The
guard cannot know which, so that a URI whose readings differ in what they need requires every scope.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from pydantic_core import Url

T = TypeVar("T")


class ResourceUris(Generic[T]):
    """The resources of a scope map with their values."""

    def __init__(self, declared: Mapping[str, T], *, default: T, everything: T) -> None:
        """`everything` is the value of a URI that has two readings."""
        self._exact = {key: value for key, value in declared.items() if not key.endswith("*")}
        self._parsed = {_parsed(key): value for key, value in self._exact.items()}
        prefixes = ((key[:-1], value) for key, value in declared.items() if key.endswith("*"))
        # The longest prefix is the most specific one.
        self._prefixes = sorted(prefixes, key=lambda entry: -len(entry[0]))
        self._default = default
        self._everything = everything

    def find(self, uri: str) -> T:
        """The value of the URI."""
        if uri in self._exact:
            return self._exact[uri]
        if _may_be_resolved(uri):
            return self._everything
        found, parsed = self._by_prefix(uri), _parsed(uri)
        if parsed in self._parsed:
            return found if self._parsed[parsed] == found else self._everything
        return found if parsed == uri or self._by_prefix(parsed) == found else self._everything

    def _by_prefix(self, uri: str) -> T:
        return next((value for prefix, value in self._prefixes if uri.startswith(prefix)), self._default)


def _parsed(uri: str) -> str:
    """The URI after a parser of the WHATWG URL standard; unchanged if such a parser refuses it."""
    try:
        return str(Url(uri))
    except ValueError:
        return uri


def _may_be_resolved(uri: str) -> bool:
    return ".." in uri or "%" in uri or "\\" in uri or not uri.isprintable()
