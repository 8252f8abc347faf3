"""The contract of every handover of the principal to the server behind the guard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from shared.access_tokens.verifier import VerifiedToken


class PrincipalHandover(Protocol):
    """Makes the headers of one request to the server."""

    def headers(self, token: VerifiedToken | None, *, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """The headers that tell the principal of a verified token; None is a public operation.

        `method`, `path` (with the query, as sent to the server) and `body` are those of the request to the server.
        A request that is sent again needs new ones: a reader refuses the second use of an assertion. Raises
        PrincipalTooLong, or ServiceUnavailable while nothing can be signed.
        """


_NO_HEADERS: Final[Mapping[str, str]] = {}


class NoHandover:
    """The server learns nothing about the caller."""

    def headers(self, token: VerifiedToken | None, *, method: str, path: str, body: bytes) -> Mapping[str, str]:
        """No headers."""
        del token, method, path, body
        return _NO_HEADERS
