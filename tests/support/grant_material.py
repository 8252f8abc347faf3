"""Grants and presentations of tokens, for tests of storage and races."""

import time
from dataclasses import dataclass

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.authorization.request import AuthorizationRequest
from auth_service.grants.grant import GrantLifetimes
from auth_service.grants.refresh_token_format import RefreshToken, decrypt_successor, new_successor
from auth_service.grants.repository import ConfiguredResources, GrantRepository, Rotation, grant_key
from auth_service.protocol.opaque import digest, new_identifier, new_secret
from auth_service.status_lists.identifiers import new_identifier_in, new_list_id
from shared.redis.client import RedisClient

DAY = 86_400
REUSE_INTERVAL = 60
NOW = int(time.time())
"""Scripts use the clock of Redis: a later moment is reached by making the grant older (`age_grant`)."""

LIFETIMES = GrantLifetimes(unused=30 * DAY, absolute=180 * DAY, reuse_interval=REUSE_INTERVAL)

_TIMES = ("created_at", "last_used_at", "expires_at", "absolute_expires_at", "code_expires_at", "ended_at")
CLIENT = "client"
RESOURCE = "https://mcp.example/mcp"
CONFIGURED = ConfiguredResources(f" {RESOURCE} ", read_at_ms=NOW * 1000)


def new_grant_id() -> str:
    """An identifier in a list of its own."""
    return new_identifier_in(new_list_id())


def interaction() -> Interaction:
    """A request of one browser, waiting for the user."""
    request = AuthorizationRequest(
        client_id=CLIENT,
        redirect_uri="http://127.0.0.1/callback",
        code_challenge="c" * 43,
        resource=RESOURCE,
        scopes=("notes:read",),
        state=None,
        nonce=None,
        login_hint=None,
        max_age=None,
        subject=None,
    )
    return Interaction(new_grant_id(), digest("browser"), new_identifier(), NOW, request, NOW + 600, "")


async def open_grant(store: RedisClient, *, code: str = "a-code", index: bool = False) -> RefreshToken:
    """Approve and redeem; answers the first refresh token."""
    interactions, grants = InteractionRepository(store, grant_seconds=DAY), GrantRepository(store)
    asked, secret = interaction(), new_secret()
    await interactions.record_consent(
        asked,
        ConsentDecision.APPROVE,
        grant={
            "status": "code",
            "subject": "user",
            "client_id": CLIENT,
            "resource": RESOURCE,
            "scope": "notes:read",
            "redirect_uri": asked.request.redirect_uri,
            "code_hash": digest(code),
            "code_challenge": asked.request.code_challenge,
        },
        code_lifetime_seconds=60,
    )
    if index:
        await grants.index(asked.identifier, subject="user", absolute_expires_at=NOW + 180 * DAY)
    outcome = await grants.redeem_code(
        asked.identifier,
        code_hash=digest(code),
        refresh_hash=digest(secret),
        lifetimes=LIFETIMES,
        address="192.0.2.1",
        network="192.0.2.1",
    )
    assert outcome == "redeemed"
    return RefreshToken(asked.identifier, 0, secret)


async def age_grant(store: RedisClient, grant_id: str, seconds: float) -> None:
    """Make everything that happened to the grant so many seconds older."""
    key = grant_key(grant_id)
    record = await store.command("HGETALL", key)
    older = {n: int(v) - int(seconds * 1000) for n, v in record.items() if n in _TIMES or n.startswith("replaced:")}
    if older:
        await store.command("HSET", key, *(part for pair in older.items() for part in pair))


async def _move_to(grants: GrantRepository, grant_id: str, now: float) -> None:
    """Let the next step happen `now - NOW` seconds after the grant was opened. The record remembers how far it is."""
    store, key = grants._redis, grant_key(grant_id)
    ahead = now - NOW - float(await store.command("HGET", key, "moved") or 0)
    if ahead:
        await age_grant(store, grant_id, ahead)
        await store.command("HSET", key, "moved", now - NOW)


@dataclass(frozen=True)
class Presented:
    """What came of it, and the token that the client now holds."""

    rotation: Rotation
    token: RefreshToken | None

    @property
    def outcome(self) -> str:
        return self.rotation.outcome


async def present(
    grants: GrantRepository,
    token: RefreshToken | None,
    *,
    now: float = NOW,
    client_id: str = CLIENT,
    resource: str | None = None,
    configuration: ConfiguredResources = CONFIGURED,
) -> Presented:
    """Present a refresh token as the grant does, `now - NOW` seconds after the grant was opened."""
    assert token is not None
    if now != NOW:
        await _move_to(grants, token.grant_id, now)
    proposed = new_successor(token.secret)
    rotation = await grants.rotate(
        token,
        client_id=client_id,
        resource=resource,
        successor=proposed,
        lifetimes=LIFETIMES,
        configuration=configuration,
        address="192.0.2.1",
    )
    successor = proposed.secret
    if rotation.outcome == "repeated":
        successor = token.secret
        for seal, successor_hash in rotation.chain:
            successor = decrypt_successor(successor, seal, successor_hash)
    elif rotation.outcome not in {"rotated", "recovered"}:
        return Presented(rotation, None)
    return Presented(rotation, RefreshToken(token.grant_id, rotation.generation, successor))
