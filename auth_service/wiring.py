"""Builds every component of auth_service, package by package, from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from auth_service.account.wiring import AccountComponents, wire_account
from auth_service.audit.error_log import ErrorLog
from auth_service.audit.error_repository import ErrorRepository
from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.authorization.wiring import AuthorizationComponents, wire_authorization
from auth_service.browser_pages import BrowserPages, wire_browser_pages
from auth_service.clients.wiring import ClientComponents, wire_clients
from auth_service.discovery import MetadataEndpoint
from auth_service.encryption import parse_encryption_keys
from auth_service.federation.wiring import FederationComponents, FederationSettings, wire_federation
from auth_service.grants.access_removal import AccessRemoval
from auth_service.grants.components import GrantComponents
from auth_service.grants.refresh_token_format import RefreshTokenFormat
from auth_service.grants.repository import GrantRepository
from auth_service.http.readiness import DataFormatCheck, signing_check
from auth_service.http.redis_clock import RedisClockCheck
from auth_service.introspection.wiring import IntrospectionComponents, wire_introspection
from auth_service.keys.wiring import KeyComponents, wire_keys
from auth_service.rate_limits.limits import RateLimits
from auth_service.rate_limits.repository import RateLimitRepository
from auth_service.resources.catalogue import ResourceCatalogue
from auth_service.resources.scope_check import ResourceScopeCheck, resource_http_client
from auth_service.sessions.repository import SessionRepository
from auth_service.sign_in.wiring import SignInComponents, wire_sign_in
from auth_service.status_lists.wiring import StatusListComponents, wire_status_lists
from auth_service.token_endpoint.rate_limit_exemption import RateLimitExemption
from auth_service.token_endpoint.wiring import wire_token_endpoint
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.clock_skew import ClockSkew
from shared.ip_addresses import parse_networks

if TYPE_CHECKING:
    from auth_service.federation.wiring import ProviderFactory
    from auth_service.rate_limits.limits import LimitExceptions
    from auth_service.runtime import Runtime
    from auth_service.settings import AuthSettings
    from auth_service.token_endpoint.endpoint import TokenEndpoint
    from shared.background import TaskSupervisor
    from shared.fetch.ssrf_safe_client import SsrfSafeClient
    from shared.http.health import ReadinessCheck


@dataclass(frozen=True, slots=True)
class Components:
    """The components that app.py mounts, starts and stops."""

    data_format: DataFormatCheck
    redis_clock: RedisClockCheck
    scope_check: ResourceScopeCheck
    metadata: MetadataEndpoint
    browser: BrowserPages
    limits: RateLimits
    audit: AuditLog
    errors: ErrorLog
    access_removal: AccessRemoval
    hasher: PasswordHasher
    keys: KeyComponents
    status_lists: StatusListComponents
    clients: ClientComponents
    federation: FederationComponents
    authorization: AuthorizationComponents
    sign_in: SignInComponents
    account: AccountComponents
    token: TokenEndpoint
    limit_exceptions: LimitExceptions
    introspection: IntrospectionComponents

    @property
    def loops(self) -> tuple[BackgroundLoop, ...]:
        """The components that work in the background, in the order of their start."""
        keys = self.keys
        return (
            self.data_format,  # before anything else reads or writes
            self.audit,
            self.errors,
            keys.ring,
            keys.tracker,
            keys.schedule,
            self.status_lists.published,
            self.access_removal,
            self.redis_clock,
            self.scope_check,
        )

    @property
    def readiness_checks(self) -> dict[str, ReadinessCheck]:
        """The checks, by the name under which `/readyz` shows each."""
        return {
            "keys": signing_check(self.keys.ring),
            "data_format": self.data_format.readiness,
            "scopes": self.scope_check.readiness,
        }


class BackgroundLoop(Protocol):
    """A component that works in the background."""

    async def start(self, supervisor: TaskSupervisor) -> None:
        """Start the background work."""

    async def stop(self) -> None:
        """Stop the background work, and wait for its end."""


def wire(
    runtime: Runtime,
    *,
    public_fetch: SsrfSafeClient | None = None,
    build_provider: ProviderFactory | None = None,
) -> Components:
    """Build everything; nothing is started or connected yet. Raises Misconfigured.

    `public_fetch` replaces the SSRF-safe HTTP client in tests, `build_provider` the identity providers.
    """
    settings, redis, registry = runtime.settings, runtime.redis, runtime.registry
    encryption_keys = parse_encryption_keys([key.get_secret_value() for key in settings.key_encryption_key])
    refresh_tokens = RefreshTokenFormat(encryption_keys.derive(b"sallyport refresh token mac v1"))
    resources = ResourceCatalogue(settings.resources)
    audit = AuditLog(AuditRepository(redis), registry)
    hasher = PasswordHasher()
    user_records = UserRepository(redis)
    users = UserService(user_records, hasher)
    grants = GrantComponents(
        repository=GrantRepository(redis),
        refresh_tokens=refresh_tokens,
        users=users,
        resources=resources,
        audit=audit,
    )
    access_removal = AccessRemoval(
        users=user_records,
        sessions=SessionRepository(redis, lifetime_seconds=settings.session_ttl),
        grants=grants.repository,
        audit=audit.acting_as("service"),
        clock=runtime.clock,
    )
    federation = wire_federation(
        federation_settings(settings),
        redis=redis,
        registry=registry,
        users=user_records,
        audit=audit,
        clock=runtime.clock,
        monotonic=runtime.monotonic,
        build=build_provider,
    )
    errors = ErrorLog(ErrorRepository(redis), registry, monotonic=runtime.monotonic)
    browser = wire_browser_pages(runtime, users=users, encryption_keys=encryption_keys)
    limits = RateLimits(
        repository=RateLimitRepository(redis),
        shared_networks=parse_networks(settings.rate_limit_shared_networks),
        audit=audit,
        registry=registry,
        enabled=settings.rate_limits == "on",
        monotonic=runtime.monotonic,
    )
    keys = wire_keys(runtime, encryption_keys=encryption_keys, audit=audit)
    status_lists = wire_status_lists(runtime, key_ring=keys.ring, limits=limits)
    clients = wire_clients(runtime, resources=resources, limits=limits, audit=audit, public_fetch=public_fetch)
    authorization = wire_authorization(
        runtime,
        browser=browser,
        clients=clients,
        grants=grants,
        federation=federation,
        limits=limits,
        errors=errors,
        encryption_keys=encryption_keys,
        keys=keys.ring,
        lists=status_lists.published,
    )
    sign_in = wire_sign_in(
        runtime,
        browser=browser,
        authorization=authorization,
        users=users,
        queue=hasher.queue,
        limits=limits,
        audit=audit,
        errors=errors,
        federation=federation,
    )
    account = wire_account(
        runtime,
        browser=browser,
        clients=clients.resolver,
        grants=grants,
        federation=federation,
        passwords=sign_in.passwords,
        redirects=authorization.redirects,
    )
    exemption = RateLimitExemption(
        refresh_tokens=refresh_tokens,
        reuse_interval_seconds=settings.refresh_token_reuse_interval,
        monotonic=runtime.monotonic,
    )
    token = wire_token_endpoint(
        runtime,
        exemption=exemption,
        clients=clients,
        grants=grants,
        keys=keys,
        identities=federation.review,
        ending_users=access_removal.marked,
        limits=limits,
    )
    introspection = wire_introspection(
        runtime,
        authenticator=clients.authenticator,
        grants=grants,
        keys=keys.ring,
    )
    return Components(
        data_format=DataFormatCheck(redis, runtime.log),
        redis_clock=RedisClockCheck(redis, ClockSkew(registry, runtime.log, reference="redis", clock=runtime.clock)),
        scope_check=ResourceScopeCheck(
            resources.all,
            http=resource_http_client(),
            registry=registry,
            log=runtime.log,
            enabled=settings.scope_check == "on",
        ),
        metadata=MetadataEndpoint(
            issuer=settings.issuer,
            resources=resources,
            signing_algorithm=settings.signing_algorithm,
            cimd_enabled=settings.cimd_enabled,
        ),
        browser=browser,
        limits=limits,
        audit=audit,
        errors=errors,
        access_removal=access_removal,
        hasher=hasher,
        keys=keys,
        status_lists=status_lists,
        clients=clients,
        federation=federation,
        authorization=authorization,
        sign_in=sign_in,
        account=account,
        token=token,
        limit_exceptions={("POST", f"{settings.base_path}/token"): exemption.admits},
        introspection=introspection,
    )


def federation_settings(settings: AuthSettings) -> FederationSettings:
    """The settings of sign-in through providers."""
    return FederationSettings(
        issuer=settings.issuer,
        providers=settings.identity_providers,
        passwords=settings.passwords == "on",
        account_creation=settings.account_creation,
        identity_max_age=settings.identity_max_age,
    )
