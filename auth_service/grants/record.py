"""The record of a grant in Redis: one string, a JSON array.

Redis takes 1,045 bytes for the same fields in a hash, and about half for one string. The scripts read and write it
whole: grant_record.lua, the prologue of each, describes every position. Later versions append positions (invariant 11).
"""

from __future__ import annotations

import json
from enum import IntEnum, auto
from typing import Any, Final

from auth_service.grants.grant import Grant, GrantKind, GrantStatus, NewGrant
from auth_service.protocol.opaque import short_digest
from auth_service.protocol.pkce import stored_challenge
from auth_service.protocol.redirect_uri import redirect_target
from shared.redis.client import read_lua

PROLOGUE: Final = read_lua("auth_service.grants", "grant_record")
"""The start of each script: these positions in Lua, and shared functions."""

_HASH_WIDTH: Final = 22
"""The characters of the hash of a refresh token; the remembered tokens end with the current one."""
_NEVER: Final = -1


class Position(IntEnum):
    """The positions, which count from 1 as in Lua."""

    STATUS = auto()
    KIND = auto()
    SUBJECT = auto()
    USERNAME = auto()
    CLIENT_ID = auto()
    CLIENT_NAME = auto()
    RESOURCE = auto()
    SCOPE = auto()
    REDIRECT_HOST = auto()
    ON_DEVICE = auto()
    REDIRECT_DIGEST = auto()
    CHALLENGE = auto()
    CODE_HASH = auto()
    NONCE = auto()
    AUTHENTICATED_AT = auto()
    ENTRY = auto()
    CREATED_AT = auto()
    EXPIRES = auto()
    ABSOLUTE_EXPIRES = auto()
    USED = auto()
    REFRESHED = auto()
    ADDRESS = auto()
    REDEEMED_BY = auto()
    REDEEMED_FROM = auto()
    GENERATION = auto()
    LOST_ANSWERS = auto()
    LOST_ANSWER_AT = auto()
    ENDED_REASON = auto()
    ENDED = auto()
    TOKENS = auto()
    IDENTITY = auto()
    CLAIMS = auto()


def new_record(grant: NewGrant) -> str:
    """The record of a grant whose code is not redeemed, without entry and times: the script adds them."""
    target = redirect_target(grant.redirect_uri)
    values: dict[Position, str | int] = {
        Position.STATUS: GrantStatus.CODE,
        Position.KIND: grant.kind,
        Position.SUBJECT: grant.subject,
        Position.USERNAME: grant.username,
        Position.CLIENT_ID: grant.client_id,
        Position.CLIENT_NAME: grant.client_name,
        Position.RESOURCE: grant.resource,
        Position.SCOPE: " ".join(grant.scopes),
        Position.REDIRECT_HOST: target.host,
        Position.ON_DEVICE: int(target.is_local or target.is_app_scheme),
        Position.REDIRECT_DIGEST: short_digest(grant.redirect_uri),
        Position.CHALLENGE: stored_challenge(grant.code_challenge),
        Position.CODE_HASH: grant.code_hash,
        Position.NONCE: grant.nonce or "",
        Position.AUTHENTICATED_AT: grant.authenticated_at,
        Position.REFRESHED: _NEVER,
        Position.ADDRESS: "",
        Position.REDEEMED_BY: "",
        Position.REDEEMED_FROM: "",
        Position.LOST_ANSWER_AT: _NEVER,
        Position.ENDED_REASON: "",
        Position.TOKENS: "",
        Position.IDENTITY: grant.identity,
        Position.CLAIMS: " ".join(grant.claims),
    }
    return json.dumps([values.get(p, 0) for p in Position], ensure_ascii=False, separators=(",", ":"))


def read_record(grant_id: str, record: str) -> Grant:
    """Parse the stored record of a grant."""
    values: list[Any] = [None, *json.loads(record)]
    created_ms = values[Position.CREATED_AT]

    def moment(position: Position) -> float:
        return float(created_ms + values[position]) / 1000

    status = GrantStatus(values[Position.STATUS])
    return Grant(
        grant_id=grant_id,
        status=status,
        kind=GrantKind(values[Position.KIND]),
        subject=values[Position.SUBJECT],
        username=values[Position.USERNAME],
        client_id=values[Position.CLIENT_ID],
        client_name=values[Position.CLIENT_NAME],
        resource=values[Position.RESOURCE],
        scopes=tuple(values[Position.SCOPE].split()),
        redirect_host=values[Position.REDIRECT_HOST],
        on_device=bool(values[Position.ON_DEVICE]),
        redirect_digest=values[Position.REDIRECT_DIGEST],
        challenge=values[Position.CHALLENGE],
        code_hash=values[Position.CODE_HASH],
        nonce=values[Position.NONCE] or None,
        authenticated_at=int(values[Position.AUTHENTICATED_AT]),
        entry=int(values[Position.ENTRY]),
        created_at=created_ms / 1000,
        expires_at=moment(Position.EXPIRES),
        used_at=moment(Position.USED),
        refreshed_at=None if values[Position.REFRESHED] == _NEVER else moment(Position.REFRESHED),
        address=values[Position.ADDRESS],
        generation=int(values[Position.GENERATION]),
        current_hash=values[Position.TOKENS][-_HASH_WIDTH:],
        ended_reason=values[Position.ENDED_REASON] or None,
        ended_at=moment(Position.ENDED) if status is GrantStatus.ENDED else None,
        identity=values[Position.IDENTITY] if len(values) > Position.IDENTITY else "",
        claims=tuple(values[Position.CLAIMS].split()) if len(values) > Position.CLAIMS else (),
    )
