"""Builds the sign-in endpoint and the authenticator of passwords."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.endpoint import SignInEndpoint
from auth_service.sign_in.password_authenticator import PasswordAuthenticator, SignInThrottle

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.authorization.wiring import AuthorizationComponents
    from auth_service.browser_pages import BrowserPages
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.runtime import Runtime
    from auth_service.users.hashing_queue import HashingQueue
    from auth_service.users.service import UserService


@dataclass(frozen=True, slots=True)
class SignInComponents:
    """The endpoint, and the authenticator that the account page uses too."""

    endpoint: SignInEndpoint
    passwords: PasswordAuthenticator


def wire_sign_in(
    runtime: Runtime,
    *,
    browser: BrowserPages,
    authorization: AuthorizationComponents,
    users: UserService,
    queue: HashingQueue,
    limits: RateLimits,
    audit: AuditLog,
) -> SignInComponents:
    """Build the components."""
    throttle = SignInThrottle(attempts=SignInAttemptRepository(runtime.redis), limits=limits, audit=audit)
    passwords = PasswordAuthenticator(users=users, throttle=throttle, queue=queue, audit=audit)
    endpoint = SignInEndpoint(
        urls=browser.urls,
        pages=authorization.pages,
        sessions=browser.sessions,
        interactions=authorization.interactions,
        passwords=passwords,
        audit=audit,
    )
    return SignInComponents(endpoint, passwords)
