"""Cancellation by notification, as clients of the older protocol cancel: there a disconnect cancels nothing.

A client names the id that it chose, which another client may have chosen too. A notification reaches only requests of
the same token, and of these none if two have this id.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.jose.strict_json import BadJson, parse_json

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator

    from shared.access_tokens.verifier import VerifiedToken

METHOD = "notifications/cancelled"


class CancellableRequests:
    """The requests in progress, by token and id."""

    def __init__(self) -> None:
        self._cancels: dict[Hashable, list[Callable[[], None]]] = {}

    @contextmanager
    def entered(
        self, token: VerifiedToken | None, rpc_id: str | int | None, cancel: Callable[[], None]
    ) -> Iterator[None]:
        """Let a request be cancelled in this context. One without a token cannot be."""
        if token is None or rpc_id is None:
            yield
            return
        key = _key(token, rpc_id)
        cancels = self._cancels.setdefault(key, [])
        cancels.append(cancel)
        try:
            yield
        finally:
            cancels.remove(cancel)
            if not cancels:
                self._cancels.pop(key, None)

    def cancel(self, token: VerifiedToken, notification: bytes) -> None:
        """Cancel the request that the notification names, if it is the only one of this token with this id."""
        rpc_id = _cancelled_id(notification)
        cancels = () if rpc_id is None else self._cancels.get(_key(token, rpc_id), ())
        if len(cancels) == 1:
            cancels[0]()


def _key(token: VerifiedToken, rpc_id: str | int) -> Hashable:
    # 1 and "1" are two ids.
    claims = token.claims
    return claims.issuer, claims.subject, claims.client_id, claims.token_id, type(rpc_id), rpc_id


def _cancelled_id(notification: bytes) -> str | int | None:
    try:
        message: Any = parse_json(notification)
    except BadJson:
        return None
    params = message.get("params") if isinstance(message, dict) else None
    rpc_id = params.get("requestId") if isinstance(params, dict) else None
    return rpc_id if isinstance(rpc_id, str | int) and not isinstance(rpc_id, bool) else None
