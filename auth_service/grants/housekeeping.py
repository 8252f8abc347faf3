"""What is done around a grant's opening, before it goes live, so that nothing live is ever unknown.

The index of the person's grants, the bound on how many grants one person holds with one client, and the life of
the client's registration (clients.md A18: no registration is purged while a grant of it lives).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from auth_service.grants.grant import Grant
    from auth_service.storage.grants import GrantStore


class ClientLifetimes(Protocol):
    """Keeps registrations alive."""

    async def keep_until(self, client_id: str, expires_at: float) -> None:
        """See to it that the registration lasts at least until then (seconds since 1970). Raises StoreUnavailable."""


class GrantHousekeeping:
    """Steps that may be repeated without harm."""

    def __init__(self, *, grants: GrantStore, clients: ClientLifetimes, max_grants_per_client: int) -> None:
        self._grants = grants
        self._clients = clients
        self._max = max_grants_per_client

    async def before_opening(self, grant: Grant, *, absolute_expires_at: float, now: float) -> None:
        """Index the grant, keep its client's registration, and end the least recently used beyond the bound.

        Raises StoreUnavailable; nothing has been consumed then.
        """
        await self._clients.keep_until(grant.client_id, absolute_expires_at)
        await self._grants.index(grant.grant_id, subject=grant.subject, absolute_expires_at=absolute_expires_at)
        same = [
            g
            for g in await self._grants.find_by_subject(grant.subject, now=now)
            if g.client_id == grant.client_id and g.resource == grant.resource
        ]
        for surplus in same[self._max - 1 :]:
            await self._grants.end(surplus.grant_id, reason="superseded", now=now)
