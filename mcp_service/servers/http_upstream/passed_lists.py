"""Lists of the server on their way to the client: filtered where MCP_LIST_FILTER says so, otherwise only inspected.

A list that is not filtered passes byte by byte, like every other answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from mcp_service.guard.errors import UnreadableAnswer
from mcp_service.guard.list_filter import LIST_METHODS
from mcp_service.servers.list_relay import ListRelay

if TYPE_CHECKING:
    from mcp_service.guard.bearer import AuthorizedRequest
    from mcp_service.servers.list_policy import ListPolicy


class Rewriter(Protocol):
    """Takes an answer in parts, and returns what may be sent. Raises UnreadableAnswer."""

    def feed(self, chunk: bytes) -> bytes:
        """Take one part."""

    def finish(self) -> bytes:
        """Return the rest."""


class PassedLists:
    """Decides which answers are rewritten."""

    def __init__(self, policy: ListPolicy) -> None:
        self._policy = policy

    def rewriter(self, authorized: AuthorizedRequest, *, http_method: str, content_type: str) -> Rewriter | None:
        """The rewriter of an answer of this type; None to pass it on as it is."""
        policy, operation, token = self._policy, authorized.operation, authorized.token
        method = None if operation is None else operation.method
        # A stream that is resumed may repeat the answer to any request.
        may_hold_a_list = http_method == "GET" and policy.filters
        if method not in LIST_METHODS and not may_hold_a_list:
            return None
        granted = None if token is None else token.claims.scopes
        relay = ListRelay(policy, method=method, granted=granted, content_type=content_type)
        if policy.filters:
            return relay
        return None if policy.undeclared is None else _Observer(relay)


class _Observer:
    """Shows an answer to the policy and passes it on unchanged, also if it cannot be read."""

    def __init__(self, relay: ListRelay) -> None:
        self._relay: ListRelay | None = relay

    def feed(self, chunk: bytes) -> bytes:
        if self._relay is not None:
            try:
                self._relay.feed(chunk)
            except UnreadableAnswer:
                self._relay = None
        return chunk

    def finish(self) -> bytes:
        if self._relay is not None:
            try:
                self._relay.finish()
            except UnreadableAnswer:
                self._relay = None
        return b""
