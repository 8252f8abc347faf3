"""Grants and presentations of tokens, for tests of storage and races."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from auth_service.authorization.interaction import ConsentDecision, Interaction
from auth_service.authorization.interaction_repository import InteractionRepository
from auth_service.authorization.request import AuthorizationRequest
from auth_service.grants.grant import GrantLifetimes, NewGrant
from auth_service.grants.record import Position
from auth_service.grants.refresh_token_format import RefreshToken, follow, new_successor
from auth_service.grants.repository import GrantRepository, Rotation, ScopesAllowedNow, grant_key
from auth_service.protocol.opaque import digest, new_identifier, new_secret, short_digest
from auth_service.status_lists.identifiers import new_identifier_in, new_list_id
from shared.redis.client import RedisClient

DAY = 86_400
REUSE_INTERVAL = 60
NOW = int(time.time())
"""Scripts use the clock of Redis: a later moment is reached by making the grant older (`age_grant`)."""

LIFETIMES = GrantLifetimes(unused=30 * DAY, absolute=180 * DAY, reuse_interval=REUSE_INTERVAL, access_token=3600)

CLIENT = "client"
RESOURCE = "https://mcp.example/mcp"


def allowed(
    *scopes: str, resource: str = RESOURCE, read_at: float = NOW, limits: Mapping[str, Iterable[str]] | None = None
) -> ScopesAllowedNow:
    """A configuration of one resource with these scopes."""
    return ScopesAllowedNow(
        ScopesAllowedNow.text({resource: scopes}), int(read_at * 1000), ScopesAllowedNow.text(limits) if limits else ""
    )


ALLOWED = allowed("notes:read", "notes:write")


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


def new_grant(**changes: Any) -> NewGrant:
    """A grant that a user approved, with changes."""
    asked = interaction().request
    grant = NewGrant(
        subject="user",
        username="ada",
        client_id=CLIENT,
        client_name="",
        resource=RESOURCE,
        scopes=asked.scopes,
        redirect_uri=asked.redirect_uri,
        code_hash=short_digest("code"),
        code_challenge=asked.code_challenge,
        authenticated_at=NOW,
        nonce=None,
    )
    return replace(grant, **changes)


async def open_grant(
    store: RedisClient, *, code: str = "a-code", index: bool = False, grant_id: str | None = None, **changes: Any
) -> RefreshToken:
    """Approve and redeem; answers the first refresh token."""
    interactions, grants = InteractionRepository(store, grant_seconds=DAY), GrantRepository(store)
    asked, secret = interaction(), new_secret()
    if grant_id is not None:
        asked = replace(asked, identifier=grant_id)
    await interactions.record_consent(
        asked,
        ConsentDecision.APPROVE,
        grant=new_grant(code_hash=short_digest(code), **changes),
        code_lifetime_seconds=60,
    )
    if index:
        await grants.index(asked.identifier, subject="user", absolute_expires_at=NOW + 180 * DAY)
    outcome = await grants.redeem_code(
        asked.identifier,
        code_hash=short_digest(code),
        refresh_hash=short_digest(secret),
        lifetimes=LIFETIMES,
        address="192.0.2.1",
        network="192.0.2.1",
    )
    assert outcome == "redeemed"
    return RefreshToken(asked.identifier, 0, secret)


async def age_grant(store: RedisClient, grant_id: str, seconds: float) -> None:
    """Make everything that happened to the grant so many seconds older: its times count from CREATED_AT."""
    key = grant_key(grant_id)
    record = await store.command("GET", key)
    if record is not None:
        values = json.loads(record)
        values[Position.CREATED_AT - 1] -= int(seconds * 1000)
        await store.command("SET", key, json.dumps(values), "KEEPTTL")


async def _move_to(grants: GrantRepository, grant_id: str, now: float) -> None:
    """Let the next step happen `now - NOW` seconds after the grant was opened, as a key beside it remembers."""
    store, key = grants._redis, grant_key(grant_id).replace(":grant:", ":moved:")
    ahead = now - NOW - float(await store.command("GET", key) or 0)
    if ahead:
        await age_grant(store, grant_id, ahead)
        await store.command("SET", key, now - NOW)


@dataclass(frozen=True)
class Presented:
    """The rotation, and the token that the client now has."""

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
    scopes: ScopesAllowedNow = ALLOWED,
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
        scopes=scopes,
        address="192.0.2.1",
    )
    successor = proposed.secret
    if rotation.outcome == "repeated":
        successor = follow(token.secret, rotation.chain)
    elif rotation.outcome not in {"rotated", "recovered"}:
        return Presented(rotation, None)
    return Presented(rotation, RefreshToken(token.grant_id, rotation.generation, successor))
