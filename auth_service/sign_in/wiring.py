"""Builds the sign-in endpoint and the authenticator of passwords."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.completion import SignInCompletion
from auth_service.sign_in.endpoint import SignInEndpoint
from auth_service.sign_in.password_authenticator import PasswordAuthenticator, SignInThrottle
from auth_service.sign_in.provider_buttons import ProviderButtons
from auth_service.sign_in.provider_callback import ProviderCallback
from auth_service.sign_in.provider_endpoint import ProviderEndpoint
from auth_service.sign_in.provider_events import ProviderEvents

if TYPE_CHECKING:
    from auth_service.audit.error_log import ErrorLog
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.wiring import AuthorizationComponents
    from auth_service.browser_pages import BrowserPages
    from auth_service.federation.wiring import FederationComponents
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.runtime import Runtime
    from auth_service.users.hashing_queue import HashingQueue
    from auth_service.users.service import UserService


@dataclass(frozen=True, slots=True)
class SignInComponents:
    """The endpoints, and the authenticator, which the account page uses too; it is None without passwords."""

    endpoint: SignInEndpoint
    callback: ProviderEndpoint
    passwords: PasswordAuthenticator | None


def wire_sign_in(
    runtime: Runtime,
    *,
    browser: BrowserPages,
    authorization: AuthorizationComponents,
    users: UserService,
    queue: HashingQueue,
    limits: RateLimits,
    audit: AuditLog,
    errors: ErrorLog,
    federation: FederationComponents,
) -> SignInComponents:
    """Build the components."""
    providers, metrics = federation.providers, federation.metrics
    passwords = None
    if providers.passwords:
        throttle = SignInThrottle(attempts=SignInAttemptRepository(runtime.redis), limits=limits, audit=audit)
        passwords = PasswordAuthenticator(users=users, throttle=throttle, queue=queue, audit=audit)
    completion = SignInCompletion(
        urls=browser.urls, sessions=browser.sessions, interactions=authorization.interactions, audit=audit
    )
    endpoint = SignInEndpoint(
        pages=authorization.pages,
        sessions=browser.sessions,
        interactions=authorization.interactions,
        passwords=passwords,
        completion=completion,
        buttons=ProviderButtons(providers=providers, redirects=authorization.redirects, pages=authorization.pages),
    )
    callback = ProviderEndpoint(
        callback=ProviderCallback(
            urls=browser.urls,
            providers=providers,
            pending=authorization.pending,
            interactions=authorization.interactions,
            sessions=browser.sessions,
            metrics=metrics,
        ),
        pages=authorization.pages,
        sessions=browser.sessions,
        completion=completion,
        accounts=federation.accounts,
        events=ProviderEvents(metrics=metrics, audit=audit, on_error=errors),
    )
    return SignInComponents(endpoint, callback, passwords)
