"""The closed set of audit events, `subject.action`, and of the fields that an event may carry.

Names are never renamed or reused: people keep filters and alerts on them (invariant 11). Adding one is free.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import TypedDict


@unique
class AuditEvent(StrEnum):
    """What can happen."""

    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    USER_PASSWORD_CHANGED = "user.password_changed"
    USER_SIGNED_IN = "user.signed_in"
    USER_SIGN_IN_FAILED = "user.sign_in_failed"
    USER_SIGN_IN_DELAYED = "user.sign_in_delayed"
    USER_SIGNED_OUT = "user.signed_out"
    USER_SIGNED_OUT_EVERYWHERE = "user.signed_out_everywhere"

    CLIENT_REGISTERED = "client.registered"
    CLIENT_ADDED = "client.added"
    CLIENT_REMOVED = "client.removed"
    CLIENT_METADATA_CHANGED = "client.metadata_changed"

    CONSENT_APPROVED = "consent.approved"
    CONSENT_DENIED = "consent.denied"

    CODE_REPLAYED = "code.replayed"

    GRANT_CREATED = "grant.created"
    GRANT_REVOKED = "grant.revoked"
    GRANT_EVICTED = "grant.evicted"

    TOKEN_REFRESH_REPEATED = "token.refresh_repeated"
    """A predecessor came back while that was harmless: a race or a lost answer."""
    TOKEN_REFRESH_REUSED = "token.refresh_reused"
    """A spent token came back: somebody else has a copy. The grant was ended."""
    TOKEN_REVOKED = "token.revoked"

    KEY_CREATED = "key.created"
    KEY_PROMOTED = "key.promoted"
    KEY_RETIRED = "key.retired"
    KEY_REVOKED = "key.revoked"

    LIMIT_REACHED = "limit.reached"


class AuditFields(TypedDict, total=False):
    """What an event may carry: names of things, never a credential. A type checker refuses any other field."""

    user: str
    """Subject of the user concerned."""
    username: str
    """Name of an existing user; never what somebody typed: people type passwords into the wrong field."""
    client: str
    client_name: str
    client_kind: str
    grant: str
    """Id of the grant; it reveals no token."""
    resource: str
    scope: str
    redirect_host: str
    address: str
    """Address of the caller, after trusted proxies."""
    kid: str
    count: int
    limit: str
    reason: str
    """A private reason, in words of ours."""
    request_id: str
    """Joins the event with the log line of its request."""
    by: str
    """Who did it, when not the user: `operator` or `service`."""


MAX_VALUE_LENGTH = 256
"""Longer values are cut: nobody can fill the log through one field."""


def plain(value: object) -> str:
    """One printable line, however long or odd what a stranger sent."""
    text = str(value)[:MAX_VALUE_LENGTH]
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)
