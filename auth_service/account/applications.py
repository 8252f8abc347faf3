"""The applications that hold access of a person, as the person's page shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth_service.clients.client import ClientKind
from auth_service.pages.views import ApplicationView, ScopeView
from auth_service.protocol.errors import UnknownClient
from auth_service.protocol.redirect_uri import describe
from auth_service.resources.catalogue import describe_scopes

if TYPE_CHECKING:
    from auth_service.clients.client import ClientLookup
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.resources.catalogue import ResourceCatalogue


class ApplicationList:
    """Reads grants and what is known of their clients."""

    def __init__(self, *, grants: GrantRepository, clients: ClientLookup, resources: ResourceCatalogue) -> None:
        self._grants = grants
        self._clients = clients
        self._resources = resources

    async def of(self, subject: str, *, now: float) -> tuple[ApplicationView, ...]:
        """What the person allowed and still holds, the most recently used first. Raises RedisUnavailable."""
        grants = await self._grants.find_by_subject(subject, now=now)
        added = {g.client_id: await self._is_added_by_operator(g.client_id) for g in grants}
        return tuple(self._view(g, verified=added[g.client_id]) for g in grants)

    async def _is_added_by_operator(self, client_id: str) -> bool:
        if _document_host(client_id) is not None:
            return False
        try:
            client = await self._clients.find(client_id)
        except UnknownClient:
            return False
        return client.kind is ClientKind.PRE_REGISTERED

    def _view(self, grant: Grant, *, verified: bool) -> ApplicationView:
        # A resource taken out of the settings leaves grants behind: they are shown by what is known of them.
        resource = self._resources.find(grant.resource)
        target = describe(grant.redirect_uri)
        scopes = describe_scopes(grant.scopes, resource) if resource else tuple((s, s) for s in grant.scopes)
        return ApplicationView(
            grant_id=grant.grant_id,
            client_name=grant.client_name,
            client_host=_document_host(grant.client_id),
            redirect_host=target.host,
            on_device=target.is_local or target.is_app_scheme,
            resource_name=resource.name if resource else grant.resource,
            scopes=tuple(ScopeView(name, words) for name, words in scopes),
            since=grant.created_at,
            last_used=grant.last_used_at,
            address=grant.address,
            verified=verified,
        )


def _document_host(client_id: str) -> str | None:
    """The host of a client id that is the address of a metadata document."""
    return urlsplit(client_id).hostname if client_id.startswith("https://") else None
