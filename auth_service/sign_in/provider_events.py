"""The records of sign-ins at providers: metrics, audit events, and the error log for `explain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.federation.provider import SignInRefused
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.request_middleware import LOG_FIELDS, REQUEST_ID

if TYPE_CHECKING:
    from aiohttp import web

    from auth_service.audit.log import AuditLog
    from auth_service.federation.identity_providers import ConfiguredProvider
    from auth_service.federation.metrics import ProviderMetrics
    from shared.errors import RequestRejected
    from shared.http.request_middleware import OnError


class ProviderEvents:
    """Called once for each response of a provider."""

    def __init__(self, *, metrics: ProviderMetrics, audit: AuditLog, on_error: OnError) -> None:
        """`on_error` records errors for `explain`, of which a page shows a part only."""
        self._metrics = metrics
        self._audit = audit
        self._on_error = on_error

    def signed_in(self, entry: ConfiguredProvider) -> None:
        """Count a sign-in; SignInCompletion records the audit event."""
        self._metrics.count(entry.id, "signed_in")

    def linked(self, entry: ConfiguredProvider) -> None:
        """Count a linked identity; AccountService records the audit event."""
        self._metrics.count(entry.id, "linked")

    def failed(self, request: web.Request, entry: ConfiguredProvider, error: RequestRejected) -> None:
        """Record why no user was signed in and no identity linked; the response is a page without the error."""
        request[LOG_FIELDS].update(error_id=error.error_id, reason=error.reason)
        if not isinstance(error, SignInRefused):
            self._metrics.count(entry.id, "unavailable")
        elif error.cancelled:
            self._metrics.count(entry.id, "cancelled")
            return
        else:
            self._metrics.count(entry.id, "refused")
            self._audit.record(
                AuditEvent.USER_SIGN_IN_REFUSED,
                provider=entry.id,
                reason=error.error_id,
                address=request[CLIENT_ADDRESS],
            )
        self._on_error(request, error, request[REQUEST_ID])
