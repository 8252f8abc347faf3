"""The lists of the account page: applications with access, identities, and browsers that are signed in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from auth_service.clients.client import ClientKind
from auth_service.federation.account_profile import identity_label
from auth_service.pages.account_views import ApplicationView, BrowserView, IdentitiesView, LinkedIdentityView
from auth_service.pages.views import ProviderButton, ScopeView
from auth_service.protocol.errors import UnknownClient
from auth_service.resources.catalogue import describe_scopes
from auth_service.resources.user_access import describe_claims

if TYPE_CHECKING:
    from auth_service.clients.client import ClientLookup
    from auth_service.federation.accounts import AccountService
    from auth_service.federation.identity_providers import IdentityProviders
    from auth_service.grants.grant import Grant
    from auth_service.grants.repository import GrantRepository
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.sessions.repository import Session
    from auth_service.users.service import UserService


class ApplicationList:
    """Reads a user's grants and looks up their clients."""

    def __init__(
        self,
        *,
        grants: GrantRepository,
        clients: ClientLookup,
        resources: ResourceCatalogue,
        access_token_seconds: int,
    ) -> None:
        self.unseen_minutes = -(-access_token_seconds // 60)
        """How long an application can use its access token without contact with this service."""
        self._grants = grants
        self._clients = clients
        self._resources = resources

    async def of(self, subject: str, *, now: float) -> tuple[ApplicationView, ...]:
        """The user's live grants, the most recently used first. Raises RedisUnavailable."""
        grants = await self._grants.find_by_subject(subject, now=now)
        pre_registered = {g.client_id: await self._is_pre_registered(g.client_id) for g in grants}
        return tuple(self._view(g, verified=pre_registered[g.client_id]) for g in grants)

    async def _is_pre_registered(self, client_id: str) -> bool:
        if _document_host(client_id) is not None:
            return False
        try:
            client = await self._clients.find(client_id)
        except UnknownClient:
            return False
        return client.kind is ClientKind.PRE_REGISTERED

    def _view(self, grant: Grant, *, verified: bool) -> ApplicationView:
        # A grant may name a resource that is no longer configured: it is shown by its identifiers.
        resource = self._resources.find(grant.resource)
        scopes = describe_scopes(grant.scopes, resource) if resource else tuple((s, s) for s in grant.scopes)
        return ApplicationView(
            grant_id=grant.grant_id,
            client_name=grant.client_name,
            client_host=_document_host(grant.client_id),
            redirect_host=grant.redirect_host,
            on_device=grant.on_device,
            resource_name=resource.name if resource else grant.resource,
            scopes=tuple(ScopeView(name, words) for name, words in scopes),
            told=describe_claims(c for c in grant.claims if resource and c in resource.claims),
            since=grant.created_at,
            used=grant.used_at,
            refreshed=grant.refreshed_at,
            address=grant.address,
            verified=verified,
        )


def _document_host(client_id: str) -> str | None:
    """The host of a client id that is the URL of a client ID metadata document."""
    return urlsplit(client_id).hostname if client_id.startswith("https://") else None


class IdentityList:
    """Lists the identities of a user, and the providers with which another can be linked."""

    def __init__(self, *, accounts: AccountService, providers: IdentityProviders, users: UserService) -> None:
        self._accounts = accounts
        self._providers = providers
        self._users = users

    async def of(self, session: Session) -> IdentitiesView:
        """The user's identities, in the order in which they were linked. Raises RedisUnavailable."""
        user = await self._users.find(session.subject)
        has_password = user is not None and user.has_password and self._providers.passwords
        known = await self._accounts.identities_of(session.subject)
        usable = {entry.identity.key for entry in known if self._accounts.can_sign_in(entry.identity)}
        return IdentitiesView(
            linked=tuple(
                LinkedIdentityView(
                    key=entry.identity.key,
                    provider_name=self._provider_name(entry.identity.provider),
                    account_name=identity_label(entry.identity),
                    linked_at=entry.linked_at,
                    is_current=entry.identity.key == session.identity,
                    removable=has_password or bool(usable - {entry.identity.key}),
                )
                for entry in known
            ),
            providers=tuple(
                ProviderButton(
                    entry.id,
                    entry.display_name,
                    available=entry.provider.is_available,
                    rejects_client=entry.provider.rejects_client,
                )
                for entry in self._providers.entries
            ),
            has_password=has_password,
        )

    def _provider_name(self, provider_id: str) -> str:
        entry = self._providers.find(provider_id)
        return entry.display_name if entry else provider_id


def browser_views(sessions: Iterable[Session], *, current: Session) -> Iterator[BrowserView]:
    """The views of the browsers: this one first, even without a session among these; the others in their order."""
    others = [session for session in sessions if session.token_hash != current.token_hash]
    for session in (current, *others):
        is_this = session is current
        yield BrowserView(
            handle=session.handle,
            browser=session.device.browser,
            system=session.device.system,
            address=session.address,
            since=session.begun_at,
            seen=session.seen_at,
            is_this=is_this,
        )
