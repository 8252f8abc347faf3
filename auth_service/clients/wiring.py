"""Builds the clients: how they are resolved, authenticated and registered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client import Counter

from auth_service.clients.authenticator import AssertionVerifier, ClientAuthenticator, JtiReplayStore
from auth_service.clients.cimd.document import CimdPolicy
from auth_service.clients.cimd.repository import CimdRepository
from auth_service.clients.cimd.resolver import CimdResolver
from auth_service.clients.client_jwks import ClientJwks
from auth_service.clients.registration import RegistrationService
from auth_service.clients.registration_endpoint import RegisterEndpoint
from auth_service.clients.repository import ClientRepository
from auth_service.clients.resolver import ClientResolver
from shared.fetch.ssrf_safe_client import SsrfSafeClient
from shared.http.client_address import CURRENT_ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable

    from auth_service.audit.log import AuditLog
    from auth_service.rate_limits.limits import RateLimits
    from auth_service.resources.catalogue import ResourceCatalogue
    from auth_service.runtime import Runtime


@dataclass(frozen=True, slots=True)
class ClientComponents:
    """The services for clients. `cimd` and `jwks` hold connections and must be closed."""

    resolver: ClientResolver
    authenticator: ClientAuthenticator
    registration: RegisterEndpoint
    cimd: CimdResolver
    jwks: ClientJwks


def wire_clients(
    runtime: Runtime,
    *,
    resources: ResourceCatalogue,
    limits: RateLimits,
    audit: AuditLog,
    public_fetch: SsrfSafeClient | None = None,
) -> ClientComponents:
    """Build the components. `public_fetch` replaces the SSRF-safe HTTP client in tests."""
    settings, redis, clock = runtime.settings, runtime.redis, runtime.clock
    http = public_fetch or SsrfSafeClient()
    evicted = Counter(
        "sallyport_evicted_registrations",
        "Registrations that were never used and made room for others.",
        registry=runtime.registry,
    )
    repository = ClientRepository(redis, budget_bytes=settings.registration_budget_bytes, count_evicted=evicted.inc)

    def begin_fetch() -> Callable[[], None]:
        return limits.begin_fetch(CURRENT_ADDRESS.get())

    cimd = CimdResolver(
        http=http,
        loopback_http=SsrfSafeClient(allowed=lambda address: address.is_loopback),
        copies=CimdRepository(redis, clock=clock),
        policy=CimdPolicy(
            enabled=settings.cimd_enabled,
            allow=settings.cimd_allow,
            deny=settings.cimd_deny,
            loopback=settings.cimd_loopback,
            redirect_schemes=settings.redirect_schemes,
        ),
        begin_fetch=begin_fetch,
        monotonic=runtime.monotonic,
    )
    resolver = ClientResolver(
        repository,
        cimd=cimd,
        registration_ttl_seconds=settings.registration_ttl,
        clock=clock,
        monotonic=runtime.monotonic,
    )
    jwks = ClientJwks(http=http, begin_fetch=begin_fetch, monotonic=runtime.monotonic)
    return ClientComponents(
        resolver=resolver,
        authenticator=ClientAuthenticator(
            resolver,
            assertions=AssertionVerifier(
                audiences=frozenset({settings.issuer, f"{settings.issuer}/token", *settings.assertion_audiences}),
                jwks=jwks,
                replays=JtiReplayStore(redis),
            ),
            clock=clock,
        ),
        registration=RegisterEndpoint(
            registrations=RegistrationService(
                repository=repository,
                resolver=resolver,
                audit=audit,
                redirect_schemes=settings.redirect_schemes,
                unused_ttl_seconds=settings.registration_unused_ttl,
                clock=clock,
            ),
            limits=limits,
            issuer=settings.issuer,
            grantable=frozenset().union(*resources.grantable.values()),
        ),
        cimd=cimd,
        jwks=jwks,
    )
