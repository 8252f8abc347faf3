"""The steps that activate a grant: they index it by user, check the user, and apply the limit per client."""

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


class GrantActivation:
    """The idempotent steps before and after a code is redeemed."""

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

    async def apply_limit(self, activated: Grant, *, now: float) -> None:
        """End the least recently used grants of the same user, client and resource beyond the limit.

        It follows the redemption, because a code that cannot be redeemed must end no other grant. Raises nothing: the
        code is consumed, and the next grant of the same client applies the limit again.
        """
        try:
            await self._end_surplus(activated, now=now)
        except RedisUnavailable as exc:
            self._log.warning("grant_limit_not_applied", user=activated.subject, reason=exc.reason)

    async def _end_surplus(self, activated: Grant, *, now: float) -> None:
        same = [
            g
            for g in await self._grants.find_by_subject(activated.subject, now=now)
            if g.client_id == activated.client_id and g.resource == activated.resource
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
