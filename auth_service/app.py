"""The composition root: the only place that builds objects and mounts routes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter

from auth_service.account.applications import ApplicationList
from auth_service.account.endpoint import AccountEndpoint
from auth_service.account.page import AccountPage
from auth_service.account.password import PasswordEndpoint
from auth_service.audit.error_log import ErrorLog
from auth_service.audit.error_repository import ErrorRepository
from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditRepository
from auth_service.authorization.authorize import AuthorizeEndpoint
from auth_service.authorization.consent import ConsentEndpoint
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.clients.assertion_replay import JtiReplayStore
from auth_service.clients.assertions import AssertionVerifier
from auth_service.clients.authenticator import ClientAuthenticator
from auth_service.clients.cimd.document import CimdPolicy
from auth_service.clients.cimd.repository import CimdRepository
from auth_service.clients.cimd.resolver import CimdResolver
from auth_service.clients.client_jwks import ClientJwks
from auth_service.clients.registration import RegistrationService
from auth_service.clients.registration_endpoint import RegisterEndpoint
from auth_service.clients.repository import ClientRepository
from auth_service.clients.resolver import ClientResolver
from auth_service.discovery import MetadataEndpoint, metadata_paths, server_metadata
from auth_service.grants.grant_limit import GrantLimit
from auth_service.grants.refresh_token_format import RefreshTokenFormat
from auth_service.grants.repository import GrantRepository
from auth_service.http.error_responses import ErrorRenderer
from auth_service.introspection.introspect import IntrospectEndpoint
from auth_service.introspection.introspector import TokenIntrospector
from auth_service.introspection.revoke import RevokeEndpoint
from auth_service.introspection.revoked_tokens import RevokedTokenRepository
from auth_service.introspection.userinfo import UserInfoEndpoint
from auth_service.key_encryption import EncryptionKeys, parse_encryption_keys
from auth_service.keys.jwks_endpoint import CORS as KEY_SET_CORS
from auth_service.keys.jwks_endpoint import PATH as KEY_SET_PATH
from auth_service.keys.jwks_endpoint import JwksEndpoint
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.metrics import watch_key_ring
from auth_service.keys.propagation_tracker import PropagationTracker
from auth_service.keys.replica_version_repository import ReplicaVersionRepository
from auth_service.keys.repository import KeyRingRepository
from auth_service.keys.rotator import RotationPolicy, Rotator
from auth_service.keys.schedule import RotationSchedule
from auth_service.pages.appearance import Appearance
from auth_service.pages.renderer import Pages
from auth_service.rate_limits.limits import RateLimits
from auth_service.rate_limits.middleware import guard
from auth_service.rate_limits.repository import RateLimitRepository
from auth_service.resources.catalogue import ResourceCatalogue
from auth_service.sessions.cookies import SessionCookies
from auth_service.sessions.manager import SessionManager
from auth_service.sessions.repository import SessionRepository
from auth_service.sign_in.attempt_repository import SignInAttemptRepository
from auth_service.sign_in.endpoint import SignInEndpoint
from auth_service.sign_in.throttle import SignInThrottle
from auth_service.token_endpoint.authorization_code import AuthorizationCodeHandler
from auth_service.token_endpoint.endpoint import TokenEndpoint
from auth_service.token_endpoint.refresh_token import RefreshTokenHandler
from auth_service.tokens.access_token import AccessTokenIssuer
from auth_service.tokens.id_token import IdTokenIssuer
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.background import TaskSupervisor
from shared.configured_url import origin_of, path_of
from shared.errors import ServiceUnavailable
from shared.fetch.guarded_fetch import GuardedFetch
from shared.http.client_address import client_address_middleware
from shared.http.cors import Cors, cors_middleware
from shared.http.health import Readiness, health_routes
from shared.http.metrics import RequestMetrics, metrics_handler
from shared.http.mutation_shield import MutationShield
from shared.http.request_middleware import request_middleware
from shared.networks import parse_networks
from shared.redis.durability import warn_of_risks
from shared.redis.topology import open_redis_client

if TYPE_CHECKING:
    from auth_service.settings import AuthSettings
    from shared.redis.client import RedisClient

MAX_BODY_BYTES = 64 * 1024


def build_service(
    settings: AuthSettings,
    *,
    store: RedisClient | None = None,
    now: Callable[[], float] = time.time,
    public_fetch: GuardedFetch | None = None,
) -> web.Application:
    """Build the whole service. Raises Misconfigured. `store`, `now` and `public_fetch` are given by tests only."""
    log = structlog.get_logger("auth_service")
    registry = CollectorRegistry()
    opened = store or open_redis_client(settings.redis_url.get_secret_value(), timeout_seconds=settings.store_timeout)
    base = settings.base_path

    # Rooms that others stand on.
    resources = ResourceCatalogue(settings.resources)
    encryption_keys = parse_encryption_keys([key.get_secret_value() for key in settings.key_encryption_key])
    audit = AuditLog(AuditRepository(opened), registry)
    key_room = _key_room(settings, opened, encryption_keys, registry, audit=audit, log=log, now=now)
    key_ring = key_room.ring
    limit_room = _limit_room(settings, opened, registry, audit=audit, now=now)
    grants = GrantRepository(opened)
    revoked = RevokedTokenRepository(opened)
    interactions = InteractionRepository(opened, lifetime_seconds=settings.interaction_ttl)
    passwords = PasswordHasher()
    users = UserService(UserRepository(opened), passwords)
    client_store = ClientRepository(opened)
    document_fetch = public_fetch or GuardedFetch()
    documents = CimdResolver(
        fetch=document_fetch,
        loopback_fetch=GuardedFetch(allowed=lambda address: address.is_loopback),
        store=CimdRepository(opened),
        policy=CimdPolicy(
            enabled=settings.cimd_enabled,
            allow=settings.cimd_allow,
            deny=settings.cimd_deny,
            loopback=settings.cimd_loopback,
        ),
        redirect_schemes=settings.redirect_schemes,
        now=now,
    )
    directory = ClientResolver(
        client_store, documents=documents, registration_ttl_seconds=settings.registration_ttl, now=now
    )
    client_keys = ClientJwks(fetch=document_fetch, now=now)
    authenticator = ClientAuthenticator(
        directory,
        assertions=AssertionVerifier(issuer=settings.issuer, keys=client_keys, used=JtiReplayStore(opened)),
        now=now,
    )
    pages = Pages(Appearance(product_name=settings.product_name, accent=settings.brand_color))
    cookies = SessionCookies(secure=not settings.is_local)
    sessions = SessionManager(
        cookies=cookies,
        store=SessionRepository(opened, lifetime_seconds=settings.session_ttl),
        lifetime_seconds=settings.session_ttl,
        now=now,
    )
    refresh_tokens = RefreshTokenFormat(encryption_keys.derive(b"sallyport refresh token mark v1"))
    token_issuer = AccessTokenIssuer(
        issuer=settings.issuer, lifetime_seconds=settings.access_token_ttl, signer=key_ring
    )
    introspector = TokenIntrospector(
        issuer=settings.issuer,
        resources=resources,
        signer=key_ring,
        grants=grants,
        revoked=revoked,
        refresh_tokens=refresh_tokens,
        now=now,
    )

    # Grants.
    code_grant = AuthorizationCodeHandler(
        grants=grants,
        housekeeping=GrantLimit(grants=grants, max_grants_per_client=settings.max_grants_per_client, audit=audit),
        resources=resources,
        token_issuer=token_issuer,
        id_tokens=IdTokenIssuer(issuer=settings.issuer, signer=key_ring),
        refresh_tokens=refresh_tokens,
        lifetime_seconds=settings.refresh_token_ttl,
        absolute_lifetime_seconds=settings.refresh_token_absolute_ttl,
        audit=audit,
    )
    refresh_grant = RefreshTokenHandler(
        grants=grants,
        resources=resources,
        token_issuer=token_issuer,
        refresh_tokens=refresh_tokens,
        lifetime_seconds=settings.refresh_token_ttl,
        grace_seconds=settings.refresh_token_reuse_interval,
        audit=audit,
        limits=limit_room.limits,
        outcomes=Counter("sallyport_refreshes", "Refresh tokens presented.", ("outcome",), registry=registry),
    )

    # Endpoints.
    authorize = AuthorizeEndpoint(
        base_path=base,
        directory=directory,
        resources=resources,
        interactions=interactions,
        sessions=sessions,
        cookies=cookies,
        redirect_schemes=settings.redirect_schemes,
        now=now,
    )
    sign_in = SignInEndpoint(
        base_path=base,
        pages=pages,
        cookies=cookies,
        sessions=sessions,
        interactions=interactions,
        users=users,
        throttle=limit_room.throttle,
        directory=directory,
        resources=resources,
        audit=audit,
    )
    consent = ConsentEndpoint(
        issuer=settings.issuer,
        base_path=base,
        code_lifetime_seconds=settings.authorization_code_ttl,
        pages=pages,
        cookies=cookies,
        sessions=sessions,
        interactions=interactions,
        grants=grants,
        directory=directory,
        resources=resources,
        limits=limit_room.limits,
        audit=audit,
        now=now,
    )
    account_routes = _account_routes(
        page=AccountPage(
            base_path=base,
            access_token_ttl_seconds=settings.access_token_ttl,
            pages=pages,
            cookies=cookies,
            sessions=sessions,
            applications=ApplicationList(grants=grants, directory=directory, resources=resources),
            now=now,
        ),
        pages=pages,
        sessions=sessions,
        users=users,
        throttle=limit_room.throttle,
        grants=grants,
        audit=audit,
        now=now,
    )
    token = TokenEndpoint(
        authenticator=authenticator,
        registrations=directory,
        grants=(code_grant, refresh_grant),
        limits=limit_room.limits,
        issued=Counter("sallyport_tokens_issued", "Access tokens issued.", ("grant_type",), registry=registry),
        now=now,
    )
    revoke = RevokeEndpoint(
        authenticator=authenticator, introspector=introspector, grants=grants, revoked=revoked, audit=audit, now=now
    )
    register = RegisterEndpoint(
        registrar=RegistrationService(
            clients=client_store,
            directory=directory,
            audit=audit,
            redirect_schemes=settings.redirect_schemes,
            unused_ttl_seconds=settings.registration_unused_ttl,
            now=now,
        ),
        limits=limit_room.limits,
        issuer=settings.issuer,
    )
    key_set = JwksEndpoint(key_ring=key_ring, notes=key_room.notes, max_age_seconds=settings.key_set_max_age)
    userinfo = UserInfoEndpoint(introspector=introspector, users=users)
    metadata = MetadataEndpoint(
        server_metadata(
            issuer=settings.issuer,
            resources=resources,
            signing_algorithm=settings.signing_algorithm,
            accepts_documents=settings.cimd_enabled,
        )
    )
    well_known = metadata_paths(
        base,
        [path_of(r.identifier) for r in resources.all if origin_of(r.identifier) == origin_of(settings.issuer)],
    )

    render = ErrorRenderer(
        issuer=settings.issuer,
        pages=pages,
        page_paths=frozenset(base + path for path in ("/authorize", "/sign-in", "/consent"))
        | frozenset(route.path for route in account_routes),
    )
    reading = Cors(methods="GET, HEAD, OPTIONS")
    posting = Cors(methods="POST, OPTIONS")
    carried = MutationShield()
    app = web.Application(
        client_max_size=MAX_BODY_BYTES,
        middlewares=[
            carried.middleware,
            cors_middleware(
                dict.fromkeys(well_known, reading)
                | {base + KEY_SET_PATH: KEY_SET_CORS, f"{base}/userinfo": Cors(methods="GET, POST, OPTIONS")}
                | {f"{base}{path}": posting for path in ("/token", "/token/introspect", "/token/revoke", "/register")}
            ),
            client_address_middleware(parse_networks(settings.trusted_proxies)),
            request_middleware(
                render=render, log=log, metrics=RequestMetrics(registry), on_refusal=limit_room.refusals
            ),
            guard(limit_room.limits),
        ],
    )
    app.add_routes(
        [
            *(web.get(path, metadata.__call__) for path in well_known),
            *key_set.routes(base),
            *register.routes(base),
            web.get(f"{base}/authorize", authorize.__call__, allow_head=False),
            web.get(f"{base}/sign-in", sign_in.show, allow_head=False),
            web.post(f"{base}/sign-in", sign_in.submit),
            web.get(f"{base}/consent", consent.show, allow_head=False),
            web.post(f"{base}/consent", consent.submit),
            *account_routes,
            web.post(f"{base}/token", token.__call__),
            web.post(
                f"{base}/token/introspect",
                IntrospectEndpoint(
                    issuer=settings.issuer, authenticator=authenticator, introspector=introspector
                ).__call__,
            ),
            web.post(f"{base}/token/revoke", revoke.__call__),
            web.get(f"{base}/userinfo", userinfo.__call__, allow_head=False),
            web.post(f"{base}/userinfo", userinfo.__call__),
            *health_routes({"store": _store_check(opened), "keys": _keys_check(key_ring)}),
            metrics_handler(registry),
        ]
    )

    async def lifetimes(_app: web.Application) -> AsyncIterator[None]:
        await warn_of_risks(opened, log)
        supervisor = TaskSupervisor(registry, log)
        for start in (audit.start, limit_room.refusals.start, key_room.start):
            await start(supervisor)
        yield
        await carried.finish(seconds=settings.store_timeout)
        for close in (client_keys.close, documents.close, key_room.stop, limit_room.refusals.stop, audit.stop):
            await close()
        passwords.close()
        if store is None:
            await opened.close()

    app.cleanup_ctx.append(lifetimes)
    app.on_shutdown.append(key_set.end_long_polls)
    return app


@dataclass(frozen=True, slots=True)
class _LimitRoom:
    """What bounds strangers, and what remembers them."""

    limits: RateLimits
    throttle: SignInThrottle
    refusals: ErrorLog


def _limit_room(
    settings: AuthSettings,
    store: RedisClient,
    registry: CollectorRegistry,
    *,
    audit: AuditLog,
    now: Callable[[], float],
) -> _LimitRoom:
    limits = RateLimits(
        storage=RateLimitRepository(store),
        shared_networks=parse_networks(settings.rate_limit_shared_networks),
        audit=audit,
        registry=registry,
        enabled=settings.rate_limits == "on",
        now=now,
    )
    return _LimitRoom(
        limits=limits,
        throttle=SignInThrottle(attempts=SignInAttemptRepository(store), limits=limits, audit=audit, now=now),
        refusals=ErrorLog(ErrorRepository(store), registry),
    )


@dataclass(frozen=True, slots=True)
class _KeyRoom:
    """What of the signing keys has a life of its own."""

    ring: KeyRing
    notes: PropagationTracker
    schedule: RotationSchedule

    async def start(self, supervisor: TaskSupervisor) -> None:
        for room in (self.ring, self.notes, self.schedule):
            await room.start(supervisor)

    async def stop(self) -> None:
        await self.schedule.stop()
        await self.notes.stop()
        await self.ring.stop()


def _key_room(
    settings: AuthSettings,
    store: RedisClient,
    encryption_keys: EncryptionKeys,
    registry: CollectorRegistry,
    *,
    audit: AuditLog,
    log: structlog.typing.FilteringBoundLogger,
    now: Callable[[], float],
) -> _KeyRoom:
    storage = KeyRingRepository(store)
    replica_versions = ReplicaVersionRepository(store)
    policy = RotationPolicy.from_settings(settings)
    ring = KeyRing(
        storage=storage,
        encryption_keys=encryption_keys,
        algorithm=settings.signing_algorithm,
        token_lifetime_seconds=settings.access_token_ttl,
        log=log,
        clock=now,
    )
    rotator = Rotator(
        storage=storage,
        replica_versions=replica_versions,
        encryption_keys=encryption_keys,
        policy=policy,
        audit=audit,
        by="service",
        clock=now,
    )
    watch_key_ring(registry, ring, rotation_interval_seconds=settings.key_rotation_interval, clock=now)
    return _KeyRoom(
        ring=ring,
        notes=PropagationTracker(replica_versions, propagation_ms=policy.propagation_ms, clock=now),
        schedule=RotationSchedule(key_ring=ring, rotator=rotator, log=log),
    )


def _account_routes(
    *,
    page: AccountPage,
    pages: Pages,
    sessions: SessionManager,
    users: UserService,
    throttle: SignInThrottle,
    grants: GrantRepository,
    audit: AuditLog,
    now: Callable[[], float],
) -> list[web.RouteDef]:
    """The person's page and one address per step."""
    account = AccountEndpoint(page=page, pages=pages, sessions=sessions, grants=grants, audit=audit, now=now)
    password = PasswordEndpoint(page=page, sessions=sessions, users=users, throttle=throttle, audit=audit)
    return [
        web.get(page.address.removesuffix("account"), page.from_the_front, allow_head=False),
        web.get(page.address, page.show, allow_head=False),
        web.post(f"{page.address}/end-access", account.end_access),
        web.post(f"{page.address}/password", password.__call__),
        web.post(f"{page.address}/sign-out", account.sign_out),
    ]


def _store_check(store: RedisClient) -> Callable[[], Awaitable[Readiness]]:
    async def check() -> Readiness:
        answers = await store.ask_primaries("PING")
        away = [answer for answer in answers if isinstance(answer, ServiceUnavailable)]
        # Who is in reach of one shard of a cluster goes on serving it.
        ready = len(away) < len(answers)
        note = f"{len(away)} of {len(answers)} primaries away" if ready else away[0].error_id
        return Readiness(ready=ready, note=note if away else "")

    return check


def _keys_check(key_ring: KeyRing) -> Callable[[], Awaitable[Readiness]]:
    async def check() -> Readiness:
        try:
            key_ring.ready()
        except ServiceUnavailable as exc:
            return Readiness(ready=False, note=exc.error_id)
        return Readiness(ready=True)

    return check
