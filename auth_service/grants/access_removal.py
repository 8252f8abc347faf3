"""Ends the sessions and grants of users who were suspended or removed.

The user is marked in the step that suspends or removes. A command then ends what the user had; if it is interrupted,
each replica of the service continues from the mark. Every step is idempotent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from auth_service.audit.events import AuditEvent
from shared.background import end_tasks
from shared.errors import RedisUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.audit.log import ActorAuditLog
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.sessions.repository import SessionRepository
    from auth_service.users.repository import UserRepository
    from shared.background import TaskSupervisor

USER_ENDED: Final = "user_suspended_or_removed"
"""The reason that is stored with a grant that ended with its user's access."""

_PAUSE_SECONDS: Final = 1.0


class AccessRemoval:
    """Ends access, and continues in the background what a command left unfinished."""

    def __init__(
        self,
        *,
        users: UserRepository,
        sessions: SessionRepository,
        grants: GrantRepository,
        audit: ActorAuditLog,
        clock: Callable[[], float],
    ) -> None:
        self._users = users
        self._sessions = sessions
        self._grants = grants
        self._audit = audit
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self.marked: set[str] = set()
        """The subjects whose access is being ended, as last read from Redis: their refresh tokens are refused."""

    async def end_access(self, subject: str, *, reason: str) -> list[Grant]:
        """End every session and grant of a marked user, then remove the mark. Raises RedisUnavailable.

        Returns the grants that this call ended.
        """
        await self._sessions.end_all(subject, now=self._clock())
        ended = []
        for grant in await self._grants.find_open_by_subject(subject):
            if await self._grants.end(grant.grant_id, reason=reason):
                ended.append(grant)
                self._audit.record(
                    AuditEvent.GRANT_REVOKED,
                    user=grant.subject,
                    client=grant.client_id,
                    grant=grant.grant_id,
                    resource=grant.resource,
                    reason=reason,
                )
        await self._users.unmark(subject)
        return ended

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the background task that continues unfinished removals."""
        self._task = supervisor.start("access_removal", self._continue)

    async def stop(self) -> None:
        """Stop the background task; unfinished removals stay marked."""
        if self._task is not None:
            await end_tasks([self._task])

    async def _continue(self) -> None:
        while True:
            try:
                found = await self._users.marked()
                self.marked.clear()
                self.marked.update(found)
                for subject in found:
                    await self.end_access(subject, reason=USER_ENDED)
            except RedisUnavailable:
                pass  # the monitor of Redis reports it; the marks stay
            await asyncio.sleep(_PAUSE_SECONDS)
