"""The steps with which a grant goes live: the index of its user, the state of its user, the limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from auth_service.audit.events import AuditEvent
from auth_service.protocol.errors import InvalidGrant
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    import structlog

    from auth_service.audit.log import AuditLog
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.users.service import UserService


class GrantOpening:
    """The steps before and after a code is redeemed. They are idempotent."""

    def __init__(
        self,
        *,
        grants: GrantRepository,
        users: UserService,
        max_grants_per_client: int,
        audit: AuditLog,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._grants = grants
        self._users = users
        self._max = max_grants_per_client
        self._audit = audit
        self._log = log

    async def prepare(self, grant: Grant, *, absolute_expires_at: float) -> None:
        """Index the grant, then check its user. Raises InvalidGrant, RedisUnavailable.

        In this order: when a user is suspended after the check, the grant is in the index from which it is ended.
        """
        await self._grants.index(grant.grant_id, subject=grant.subject, absolute_expires_at=absolute_expires_at)
        if not await self._users.is_active(grant.subject):
            raise InvalidGrant("the user was removed or suspended", error_id="user_active")

    async def apply_limit(self, opened: Grant, *, now: float) -> None:
        """End the least recently used grants of the same user, client and resource beyond the limit.

        It follows the redemption, because a code that cannot be redeemed must end no other grant. Raises nothing: the
        code is consumed, and the next grant of the same client applies the limit again.
        """
        try:
            await self._end_surplus(opened, now=now)
        except RedisUnavailable as exc:
            self._log.warning("grant_limit_not_applied", user=opened.subject, reason=exc.reason)

    async def _end_surplus(self, opened: Grant, *, now: float) -> None:
        same = [
            g
            for g in await self._grants.find_by_subject(opened.subject, now=now)
            if g.client_id == opened.client_id and g.resource == opened.resource
        ]
        for surplus in same[self._max :]:
            if await self._grants.end(surplus.grant_id, reason="superseded"):
                self._audit.record(
                    AuditEvent.GRANT_EVICTED,
                    user=surplus.subject,
                    client=surplus.client_id,
                    grant=surplus.grant_id,
                    resource=surplus.resource,
                    by="service",
                )
