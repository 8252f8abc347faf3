"""The errors of both services: raised anywhere, rendered by the request middleware.

Invariant 8: a fault of the service is `ServiceUnavailable` (503), never an error of the client.
Invariant 9: every error has a public text that discloses nothing, a private reason for the log, and the `error_id`
of the violated rule.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class RequestRejected(Exception):
    """The request is answered with an error response.

    `code` and `public` are part of the response; `reason` is for the log only; `error_id` identifies the violated rule
    (stable and greppable).
    """

    status: int = 400
    code: str = "invalid_request"
    public: str = "The request is malformed."

    def __init__(
        self,
        reason: str,
        *,
        error_id: str,
        public: str | None = None,
        status: int | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.error_id = error_id
        self.headers: dict[str, str] = dict(headers or {})
        if public is not None:
            self.public = public
        if status is not None:
            self.status = status
        if code is not None:
            self.code = code


class ServiceUnavailable(RequestRejected):
    """The service, or a system that it needs, is at fault. The client may retry (invariant 8)."""

    status = 503
    code = "temporarily_unavailable"
    public = "The service is temporarily unavailable. Please try again."

    def __init__(self, reason: str, *, error_id: str, retry_after_seconds: int = 2) -> None:
        super().__init__(reason, error_id=error_id, headers={"Retry-After": str(retry_after_seconds)})


class RedisUnavailable(ServiceUnavailable):
    """Redis did not answer in time, or answered with an error. Whether a write took effect is unknown."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason, error_id="store")


class Misconfigured(Exception):
    """The settings are unsafe or contradictory: the service refuses to start. The text is for the operator."""
