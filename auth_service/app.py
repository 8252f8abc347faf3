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
from auth_service.audit.error_log import RefusalLog
from auth_service.audit.error_repository import RefusalStorage
from auth_service.audit.log import AuditLog
from auth_service.audit.repository import AuditStorage
from auth_service.authorization.authorize import AuthorizeEndpoint
from auth_service.authorization.consent import ConsentEndpoint
from auth_service.authorization.interaction_repository import InteractionStore
from auth_service.clients.assertion_replay import AssertionStore
from auth_service.clients.assertions import AssertionVerifier
from auth_service.clients.authenticator import ClientAuthenticator
from auth_service.clients.cimd.document import DocumentPolicy
from auth_service.clients.cimd.repository import ClientDocumentStore
from auth_service.clients.cimd.resolver import MetadataDocuments
from auth_service.clients.client_jwks import ClientKeys
from auth_service.clients.registration import Registrar
from auth_service.clients.registration_endpoint import RegisterEndpoint
from auth_service.clients.repository import ClientStore
from auth_service.clients.resolver import Directory
from auth_service.discovery import MetadataEndpoint, metadata_paths, server_metadata
from auth_service.grants.grant_limit import GrantHousekeeping
from auth_service.grants.refresh_token_format import RefreshTokenFormat
from auth_service.grants.repository import GrantStore
from auth_service.http.error_responses import RefusalRenderer
from auth_service.introspection.introspect import IntrospectEndpoint
from auth_service.introspection.introspector import TokenInspector
from auth_service.introspection.revoke import RevokeEndpoint
from auth_service.introspection.revoked_tokens import RevokedTokenStore
from auth_service.introspection.userinfo import UserInfoEndpoint
from auth_service.keys.jwks_endpoint import CORS as KEY_SET_CORS
from auth_service.keys.jwks_endpoint import PATH as KEY_SET_PATH
from auth_service.keys.jwks_endpoint import KeySetEndpoint
from auth_service.keys.key_encryption import EncryptionKeys, parse_encryption_keys
from auth_service.keys.key_ring import KeyRing
from auth_service.keys.metrics import watch_key_ring
from auth_service.keys.propagation_tracker import HolderNotes
from auth_service.keys.replica_version_repository import KeyHolderStorage
from auth_service.keys.repository import KeyRingStorage
from auth_service.keys.rotator import RotationPolicy, Rotator
from auth_service.keys.schedule import RotationSchedule
from auth_service.pages.appearance import Appearance
from auth_service.pages.renderer import Pages
from auth_service.rate_limits.limits import Limits
from auth_service.rate_limits.middleware import guard
from auth_service.rate_limits.repository import LimitStorage
from auth_service.resources.catalogue import ResourceCatalogue
from auth_service.sessions.cookies import BrowserCookies
from auth_service.sessions.manager import Sessions
from auth_service.sessions.repository import SessionStore
from auth_service.sign_in.attempt_repository import SignInAttemptStorage
from auth_service.sign_in.endpoint import SignInEndpoint
from auth_service.sign_in.throttle import SignInThrottle
from auth_service.token_endpoint.authorization_code import AuthorizationCodeGrant
from auth_service.token_endpoint.endpoint import TokenEndpoint
from auth_service.token_endpoint.refresh_token import RefreshTokenGrant
from auth_service.tokens.access_token import AccessTokenMinter
from auth_service.tokens.id_token import IdTokenMinter
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserStorage
from auth_service.users.service import UserDirectory
from shared.configured_url import origin_of, path_of
from shared.errors import Fault
from shared.fetch.guarded_fetch import GuardedFetch
from shared.http.carry_through import CarryThrough
from shared.http.client_address import client_address_middleware
from shared.http.cors import Cors, cors_middleware
from shared.http.envelope import envelope
from shared.http.health import Readiness, health_routes
from shared.http.metrics import RequestMetrics, metrics_handler
from shared.networks import parse_networks
from shared.redis.durability import warn_of_risks
from shared.redis.topology import open_store

if TYPE_CHECKING:
    from auth_service.settings import AuthSettings
    from shared.redis.client import Store

MAX_BODY_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class AuthService:
    """The application, and what its server must call when it stops."""

    app: web.Application
    on_stopping: Callable[[], None]


def build_service(
    settings: AuthSettings,
    *,
    store: Store | None = None,
    now: Callable[[], float] = time.time,
    public_fetch: GuardedFetch | None = None,
) -> AuthService:
    """Build the whole service. Raises Misconfigured. `store`, `now` and `public_fetch` are given by tests only."""
    log = structlog.get_logger("auth_service")
    registry = CollectorRegistry()
    opened = store or open_store(settings.redis_url.get_secret_value(), timeout_seconds=settings.store_timeout)
    base = settings.base_path

    # Rooms that others stand on.
    resources = ResourceCatalogue(settings.resources)
    encryption_keys = parse_encryption_keys([key.get_secret_value() for key in settings.key_encryption_key])
    audit = AuditLog(AuditStorage(opened), registry)
    key_room = _key_room(settings, opened, encryption_keys, registry, audit=audit, log=log, now=now)
    key_ring = key_room.ring
    limit_room = _limit_room(settings, opened, registry, audit=audit, now=now)
    grants = GrantStore(opened)
    revoked = RevokedTokenStore(opened)
    interactions = InteractionStore(opened, lifetime_seconds=settings.interaction_ttl)
    passwords = PasswordHasher()
    users = UserDirectory(UserStorage(opened), passwords)
    client_store = ClientStore(opened)
    document_fetch = public_fetch or GuardedFetch()
    documents = MetadataDocuments(
        fetch=document_fetch,
        loopback_fetch=GuardedFetch(allowed=lambda address: address.is_loopback),
        store=ClientDocumentStore(opened),
        policy=DocumentPolicy(
            enabled=settings.client_documents,
            allow=settings.client_documents_allow,
            deny=settings.client_documents_deny,
            loopback=settings.client_documents_loopback,
        ),
        app_schemes=settings.app_schemes,
        now=now,
    )
    directory = Directory(
        client_store, documents=documents, registration_ttl_seconds=settings.registration_ttl, now=now
    )
    client_keys = ClientKeys(fetch=document_fetch, now=now)
    authenticator = ClientAuthenticator(
        directory,
        assertions=AssertionVerifier(issuer=settings.issuer, keys=client_keys, used=AssertionStore(opened)),
        now=now,
    )
    pages = Pages(Appearance(product_name=settings.product_name, accent=settings.accent))
    cookies = BrowserCookies(secure=not settings.is_local)
    sessions = Sessions(
        cookies=cookies,
        store=SessionStore(opened, lifetime_seconds=settings.session_ttl),
        lifetime_seconds=settings.session_ttl,
        now=now,
    )
    refresh_tokens = RefreshTokenFormat(encryption_keys.derive(b"sallyport refresh token mark v1"))
    minter = AccessTokenMinter(issuer=settings.issuer, lifetime_seconds=settings.access_token_ttl, signer=key_ring)
    inspector = TokenInspector(
        issuer=settings.issuer,
        resources=resources,
        signer=key_ring,
        grants=grants,
        revoked=revoked,
        refresh_tokens=refresh_tokens,
        now=now,
    )

    # Grants.
    code_grant = AuthorizationCodeGrant(
        grants=grants,
        housekeeping=GrantHousekeeping(
            grants=grants, max_grants_per_client=settings.max_grants_per_client, audit=audit
        ),
        resources=resources,
        minter=minter,
        id_tokens=IdTokenMinter(issuer=settings.issuer, signer=key_ring),
        refresh_tokens=refresh_tokens,
        lifetime_seconds=settings.refresh_token_ttl,
        absolute_lifetime_seconds=settings.refresh_token_absolute_ttl,
        audit=audit,
    )
    refresh_grant = RefreshTokenGrant(
        grants=grants,
        resources=resources,
        minter=minter,
        refresh_tokens=refresh_tokens,
        lifetime_seconds=settings.refresh_token_ttl,
        grace_seconds=settings.refresh_grace,
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
        app_schemes=settings.app_schemes,
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
        authenticator=authenticator, inspector=inspector, grants=grants, revoked=revoked, audit=audit, now=now
    )
    register = RegisterEndpoint(
        registrar=Registrar(
            clients=client_store,
            directory=directory,
            audit=audit,
            app_schemes=settings.app_schemes,
            unused_ttl_seconds=settings.registration_unused_ttl,
            now=now,
        ),
        limits=limit_room.limits,
        issuer=settings.issuer,
    )
    key_set = KeySetEndpoint(key_ring=key_ring, notes=key_room.notes, max_age_seconds=settings.key_set_max_age)
    userinfo = UserInfoEndpoint(inspector=inspector, users=users)
    metadata = MetadataEndpoint(
        server_metadata(
            issuer=settings.issuer,
            resources=resources,
            signing_algorithm=settings.signing_algorithm,
            accepts_documents=settings.client_documents,
        )
    )
    well_known = metadata_paths(
        base,
        [path_of(r.identifier) for r in resources.all if origin_of(r.identifier) == origin_of(settings.issuer)],
    )

    render = RefusalRenderer(
        issuer=settings.issuer,
        pages=pages,
        page_paths=frozenset(base + path for path in ("/authorize", "/sign-in", "/consent"))
        | frozenset(route.path for route in account_routes),
    )
    reading = Cors(methods="GET, HEAD, OPTIONS")
    posting = Cors(methods="POST, OPTIONS")
    carried = CarryThrough()
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
            envelope(render=render, log=log, metrics=RequestMetrics(registry), on_refusal=limit_room.refusals),
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
                IntrospectEndpoint(issuer=settings.issuer, authenticator=authenticator, inspector=inspector).__call__,
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
        await audit.start()
        await limit_room.refusals.start()
        await key_room.start()
        yield
        await carried.finish(seconds=settings.store_timeout)
        for close in (client_keys.close, documents.close, key_room.stop, limit_room.refusals.stop, audit.stop):
            await close()
        passwords.close()
        if store is None:
            await opened.close()

    app.cleanup_ctx.append(lifetimes)
    return AuthService(app=app, on_stopping=key_set.end_waiting)


@dataclass(frozen=True, slots=True)
class _LimitRoom:
    """What bounds strangers, and what remembers them."""

    limits: Limits
    throttle: SignInThrottle
    refusals: RefusalLog


def _limit_room(
    settings: AuthSettings, store: Store, registry: CollectorRegistry, *, audit: AuditLog, now: Callable[[], float]
) -> _LimitRoom:
    limits = Limits(
        storage=LimitStorage(store),
        shared_egress=parse_networks(settings.shared_egress),
        audit=audit,
        registry=registry,
        enabled=settings.rate_limits == "on",
        now=now,
    )
    return _LimitRoom(
        limits=limits,
        throttle=SignInThrottle(attempts=SignInAttemptStorage(store), limits=limits, audit=audit, now=now),
        refusals=RefusalLog(RefusalStorage(store), registry),
    )


@dataclass(frozen=True, slots=True)
class _KeyRoom:
    """What of the signing keys has a life of its own."""

    ring: KeyRing
    notes: HolderNotes
    schedule: RotationSchedule

    async def start(self) -> None:
        await self.ring.start()
        await self.notes.start()
        await self.schedule.start()

    async def stop(self) -> None:
        await self.schedule.stop()
        await self.notes.stop()
        await self.ring.stop()


def _key_room(
    settings: AuthSettings,
    store: Store,
    encryption_keys: EncryptionKeys,
    registry: CollectorRegistry,
    *,
    audit: AuditLog,
    log: structlog.typing.FilteringBoundLogger,
    now: Callable[[], float],
) -> _KeyRoom:
    storage = KeyRingStorage(store)
    holders = KeyHolderStorage(store)
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
        holders=holders,
        encryption_keys=encryption_keys,
        policy=policy,
        audit=audit,
        by="service",
        clock=now,
    )
    watch_key_ring(registry, ring, rotation_interval_seconds=settings.key_rotation_interval, clock=now)
    return _KeyRoom(
        ring=ring,
        notes=HolderNotes(holders, propagation_ms=policy.propagation_ms, clock=now),
        schedule=RotationSchedule(key_ring=ring, rotator=rotator, log=log),
    )


def _account_routes(
    *,
    page: AccountPage,
    pages: Pages,
    sessions: Sessions,
    users: UserDirectory,
    throttle: SignInThrottle,
    grants: GrantStore,
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


def _store_check(store: Store) -> Callable[[], Awaitable[Readiness]]:
    async def check() -> Readiness:
        answers = await store.ask_primaries("PING")
        away = [answer for answer in answers if isinstance(answer, Fault)]
        # Who is in reach of one shard of a cluster goes on serving it.
        ready = len(away) < len(answers)
        note = f"{len(away)} of {len(answers)} primaries away" if ready else away[0].check
        return Readiness(ready=ready, note=note if away else "")

    return check


def _keys_check(key_ring: KeyRing) -> Callable[[], Awaitable[Readiness]]:
    async def check() -> Readiness:
        try:
            key_ring.ready()
        except Fault as exc:
            return Readiness(ready=False, note=exc.check)
        return Readiness(ready=True)

    return check
