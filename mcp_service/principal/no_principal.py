"""A server that learns nothing of the caller."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.access_tokens.verifier import VerifiedToken

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class NoPrincipal:
    """Sends no header."""

    def headers(self, token: VerifiedToken | None, *, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """Return none, whatever the request."""
        del token, method, path, body
        return _NO_HEADERS
