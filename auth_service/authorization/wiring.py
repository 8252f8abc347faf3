"""Builds the authorization endpoint and the consent page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.authorization.authorize import AuthorizeEndpoint
from auth_service.authorization.consent import ConsentEndpoint
from auth_service.authorization.consent_decisions import ConsentDecisions
from auth_service.authorization.consent_view import ConsentViewBuilder
from auth_service.authorization.interaction import Interactions
from auth_service.authorization.interaction_repository import InteractionRepository

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.browser_pages import BrowserPages
    from auth_service.clients.client import ClientUse
    from auth_service.grants.repository import GrantRepository
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class AuthorizationComponents:
    """The endpoints, and the interactions, which the sign-in page uses too."""

    interactions: Interactions
    authorize: AuthorizeEndpoint
    consent: ConsentEndpoint


def wire_authorization(
    runtime: Runtime,
    *,
    browser: BrowserPages,
    clients: ClientUse,
    resources: ResourceCatalogue,
    grants: GrantRepository,
    limits: RateLimits,
    audit: AuditLog,
) -> AuthorizationComponents:
    """Build the components."""
    settings, clock = runtime.settings, runtime.clock
    repository = InteractionRepository(runtime.redis, lifetime_seconds=settings.interaction_ttl)
    interactions = Interactions(repository, clients, resources)
    return AuthorizationComponents(
        interactions=interactions,
        authorize=AuthorizeEndpoint(
            urls=browser.urls,
            interactions=interactions,
            sessions=browser.sessions,
            redirect_schemes=settings.redirect_schemes,
            clock=clock,
        ),
        consent=ConsentEndpoint(
            urls=browser.urls,
            pages=browser.pages,
            sessions=browser.sessions,
            interactions=interactions,
            views=ConsentViewBuilder(urls=browser.urls, resources=resources, grants=grants, clock=clock),
            decisions=ConsentDecisions(
                interactions=repository,
                grants=grants,
                limits=limits,
                audit=audit,
                code_lifetime_seconds=settings.authorization_code_ttl,
                clock=clock,
            ),
        ),
    )
