"""The content of the consent page (invariant 7: it always names the host of the redirect URI)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth_service.clients.client import Client, ClientKind
from auth_service.pages.views import ConsentView, ScopeView
from auth_service.protocol.redirect_uri import redirect_target
from auth_service.resources.catalogue import describe_scopes

if TYPE_CHECKING:
    from auth_service.authorization.interaction import Interaction
    from auth_service.grants.repository import GrantRepository
    from auth_service.http.urls import Urls
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.repository import Session


class ConsentViewBuilder:
    """Builds the view of one interaction for one user."""

    def __init__(
        self, *, urls: Urls, resources: ResourceCatalogue, grants: GrantRepository, clock: Callable[[], float]
    ) -> None:
        self._urls = urls
        self._resources = resources
        self._grants = grants
        self._clock = clock

    async def build(self, interaction: Interaction, client: Client, session: Session, *, csrf: str) -> ConsentView:
        """Build the view; scopes that the client already holds are listed separately. Raises RedisUnavailable."""
        requested = interaction.request
        resource = self._resources.find(requested.resource) or self._resources.default
        target = redirect_target(requested.redirect_uri)
        held = {
            scope
            for grant in await self._grants.find_by_subject(session.subject, now=self._clock())
            if grant.client_id == client.client_id and grant.resource == requested.resource
            for scope in grant.scopes
        }
        described = describe_scopes(requested.scopes, resource)
        return ConsentView(
            action=self._urls.consent(),
            transaction=interaction.identifier,
            csrf=csrf,
            client_name=client.client_name or client.client_id,
            client_host=urlsplit(client.client_id).hostname if client.kind is ClientKind.METADATA_DOCUMENT else None,
            redirect_host=target.host,
            redirect_is_local=target.is_local,
            redirect_is_app_scheme=target.is_app_scheme,
            resource_name=resource.name,
            resource=resource.identifier,
            username=session.username,
            scopes=tuple(ScopeView(name, text) for name, text in described if name not in held),
            already_granted=tuple(ScopeView(name, text) for name, text in described if name in held),
            verified=client.kind is ClientKind.PRE_REGISTERED,
            switch_address=self._urls.sign_in(interaction.identifier),
            account_address=self._urls.account,
        )
