"""Builds the authorization endpoint and the consent page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.authorization.authorize import AuthorizeEndpoint
from auth_service.authorization.consent import ConsentEndpoint
from auth_service.authorization.consent_decisions import ConsentDecisions
from auth_service.authorization.first_page import FirstPage
from auth_service.authorization.interaction import INTERACTION_LABEL, InteractionEncryption
from auth_service.authorization.interaction_pages import InteractionPages
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.authorization.interaction_service import InteractionRecords, InteractionService
from auth_service.authorization.provider_redirects import ProviderRedirects
from auth_service.authorization.redirects import RedirectPolicy
from auth_service.authorization.user_resolver import UserResolver
from auth_service.encryption import RecordEncryption
from auth_service.federation.pending_repository import PENDING_LABEL, PendingSignInRepository
from auth_service.grants.grant import GrantLifetimes
from auth_service.tokens.id_token_hint import IdTokenHints

if TYPE_CHECKING:
    from auth_service.audit.error_log import ErrorLog
    from auth_service.browser_pages import BrowserPages
    from auth_service.clients.wiring import ClientComponents
    from auth_service.encryption import EncryptionKeys
    from auth_service.federation.wiring import FederationComponents
    from auth_service.grants.components import GrantComponents
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.runtime import Runtime
    from auth_service.status_lists.published_lists import PublishedStatusLists
    from shared.access_tokens.verifier import VerificationKeyResolver


@dataclass(frozen=True, slots=True)
class AuthorizationComponents:
    """The endpoints, and the services for interactions, pages and provider redirects that sign_in uses too."""

    interactions: InteractionService
    pages: InteractionPages
    pending: PendingSignInRepository
    redirects: ProviderRedirects
    authorize: AuthorizeEndpoint
    consent: ConsentEndpoint


def wire_authorization(
    runtime: Runtime,
    *,
    browser: BrowserPages,
    clients: ClientComponents,
    grants: GrantComponents,
    federation: FederationComponents,
    limits: RateLimits,
    errors: ErrorLog,
    encryption_keys: EncryptionKeys,
    keys: VerificationKeyResolver,
    lists: PublishedStatusLists,
) -> AuthorizationComponents:
    """Build the components."""
    settings, clock = runtime.settings, runtime.clock
    repository = InteractionRepository(
        runtime.redis, grant_seconds=settings.refresh_token_absolute_ttl + settings.access_token_ttl
    )
    encryption = InteractionEncryption(encryption_keys.derive(INTERACTION_LABEL))
    interactions = InteractionService(
        records=InteractionRecords(repository, encryption),
        lists=lists,
        clients=clients.resolver,
        resources=grants.resources,
        lifetime_seconds=settings.interaction_ttl,
        clock=clock,
    )
    pages = InteractionPages(
        urls=browser.urls,
        pages=browser.pages,
        interactions=interactions,
        grants=grants.repository,
        lifetimes=GrantLifetimes.from_settings(settings),
        providers=federation.providers,
    )
    users = UserResolver(
        sessions=browser.sessions, identities=federation.review, resources=grants.resources, pages=pages
    )
    pending = PendingSignInRepository(runtime.redis, RecordEncryption(encryption_keys.derive(PENDING_LABEL)))
    redirects = ProviderRedirects(
        pending=pending,
        limits=limits,
        metrics=federation.metrics,
        identity_max_age=settings.identity_max_age,
        on_error=errors,
        clock=clock,
    )
    return AuthorizationComponents(
        interactions=interactions,
        pages=pages,
        pending=pending,
        redirects=redirects,
        authorize=AuthorizeEndpoint(
            urls=browser.urls,
            interactions=interactions,
            first_page=FirstPage(
                interactions=interactions,
                pages=pages,
                sessions=browser.sessions,
                providers=federation.providers,
                redirects=redirects,
                users=users,
            ),
            sessions=browser.sessions,
            redirects=RedirectPolicy(settings.redirect_schemes, clients.cimd.trusts),
            hints=IdTokenHints(issuer=settings.issuer, keys=keys),
        ),
        consent=ConsentEndpoint(
            issuer=settings.issuer,
            pages=browser.pages,
            interaction_pages=pages,
            users=users,
            interactions=interactions,
            decisions=ConsentDecisions(
                interactions=repository,
                grants=grants.repository,
                limits=limits,
                audit=grants.audit,
                code_lifetime_seconds=settings.authorization_code_ttl,
                clock=clock,
            ),
        ),
    )
