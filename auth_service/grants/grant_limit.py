"""The limit of grants of one user, client and resource.

It is applied, and the grant is indexed, before a grant goes live, so that every live grant is in its user's index.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository


class GrantLimit:
    """Its steps are idempotent."""

    def __init__(self, *, grants: GrantRepository, max_grants_per_client: int, audit: AuditLog) -> None:
        self._grants = grants
        self._max = max_grants_per_client
        self._audit = audit

    async def before_opening(self, grant: Grant, *, absolute_expires_at: float, now: float) -> None:
        """Index the grant, and end the least recently used ones beyond the limit.

        Raises RedisUnavailable; nothing has been consumed then.
        """
        await self._grants.index(grant.grant_id, subject=grant.subject, absolute_expires_at=absolute_expires_at)
        same = [
            g
            for g in await self._grants.find_by_subject(grant.subject, now=now)
            if g.client_id == grant.client_id and g.resource == grant.resource
        ]
        for surplus in same[self._max - 1 :]:
            if await self._grants.end(surplus.grant_id, reason="superseded", now=now):
                self._audit.record(
                    AuditEvent.GRANT_EVICTED,
                    user=surplus.subject,
                    client=surplus.client_id,
                    grant=surplus.grant_id,
                    resource=surplus.resource,
                    by="service",
                )
