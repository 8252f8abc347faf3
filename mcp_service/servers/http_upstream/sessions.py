"""Session ids that only the principal that opened the session can use.

The server behind the guard sees one caller for all users, so that it cannot tell whose session an id names. The
client receives the server's id and a MAC over it and over the principal; the guard keeps nothing. Without the key no
such id can be made, with the right key an id holds for one principal at one server. An id of another process is
unknown unless both have the same key (MCP_UPSTREAM_SESSION_KEY).
"""

from __future__ import annotations

import hmac
import json
import re
from typing import TYPE_CHECKING, Final

from mcp_service.servers.http_upstream.errors import SessionNotFound, not_mcp
from shared.jose import base64url

if TYPE_CHECKING:
    from shared.access_tokens.verifier import VerifiedToken

MAX_SESSION_ID: Final = 1024
"""Characters of the server's own id."""
_MAC_BYTES: Final = 16
_VISIBLE: Final = re.compile(r"[!-~]+")
"""MCP transports: only visible ASCII characters."""


class SessionBinding:
    """Binds the session ids of one server to principals."""

    def __init__(self, key: bytes, *, server: str) -> None:
        """`server` identifies the server, so that one key serves several."""
        self._key = key
        self._server = server

    def bind(self, upstream_id: str, token: VerifiedToken | None) -> str:
        """The id that the client receives. Raises BadGateway for one that no server may give."""
        if len(upstream_id) > MAX_SESSION_ID or _VISIBLE.fullmatch(upstream_id) is None:
            raise not_mcp("the session id of the server is too long, or not visible ASCII")
        return f"{upstream_id}.{self._mac(upstream_id, token)}"

    def resolve(self, unverified_id: str, token: VerifiedToken | None) -> str:
        """The server's id. Raises SessionNotFound for an id that was not given to this principal."""
        upstream_id, _, mac = unverified_id.rpartition(".")
        if not hmac.compare_digest(mac.encode(errors="replace"), self._mac(upstream_id, token).encode()):
            raise SessionNotFound("the session is unknown, or another principal's", error_id="session")
        return upstream_id

    def _mac(self, upstream_id: str, token: VerifiedToken | None) -> str:
        """The MAC of a session id and its principal. All callers of public operations, without a token, are one."""
        claims = None if token is None else token.claims
        principal = [] if claims is None else [claims.issuer, claims.subject, claims.client_id]
        # JSON, because a separator could be part of a value.
        bound = json.dumps([self._server, upstream_id, *principal]).encode()
        return base64url.encode(hmac.digest(self._key, bound, "sha256")[:_MAC_BYTES])
