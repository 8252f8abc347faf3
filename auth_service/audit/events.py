"""The closed set of audit events, named `subject.action`, and of their fields.

Names are never changed or reused, because operators build filters and alerts on them (invariant 11). New ones may be
added.
"""

from __future__ import annotations

from enum import StrEnum, unique
from typing import TypedDict


@unique
class AuditEvent(StrEnum):
    """The name of an audit event."""

    USER_ADDED = "user.added"
    USER_REMOVED = "user.removed"
    USER_SUSPENDED = "user.suspended"
    USER_RESUMED = "user.resumed"
    USER_PASSWORD_CHANGED = "user.password_changed"
    USER_IDENTITY_LINKED = "user.identity_linked"
    USER_IDENTITY_UNLINKED = "user.identity_unlinked"
    USER_SIGNED_IN = "user.signed_in"
    USER_SIGN_IN_FAILED = "user.sign_in_failed"
    USER_SIGN_IN_REFUSED = "user.sign_in_refused"
    """The response of an identity provider was not accepted, or a rule refuses the identity."""
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
    GRANT_NARROWED = "grant.narrowed"
    """Scopes that may not be granted today were dropped, and the access tokens that have them were revoked."""

    TOKEN_REFRESH_REPEATED = "token.refresh_repeated"
    """A replaced refresh token was presented within its bounds: a race or a lost response."""
    TOKEN_REFRESH_REUSED = "token.refresh_reused"
    """A replaced refresh token was presented outside its bounds: it has been copied. The grant was ended."""

    KEY_CREATED = "key.created"
    KEY_PROMOTED = "key.promoted"
    KEY_RETIRED = "key.retired"
    KEY_REVOKED = "key.revoked"

    LIMIT_REACHED = "limit.reached"


class AuditFields(TypedDict, total=False):
    """The fields of an event: identifiers, never a credential. A type checker rejects any other field."""

    user: str
    """Subject of the user concerned."""
    username: str
    """Name of an existing user; never the submitted text, because users type passwords into the wrong field."""
    provider: str
    """Id of the identity provider concerned."""
    client: str
    client_name: str
    client_kind: str
    grant: str
    """Id of the grant, from which no token can be derived."""
    resource: str
    scope: str
    redirect_host: str
    address: str
    """Address of the client; trusted proxies are skipped."""
    kid: str
    count: int
    limit: str
    reason: str
    """The private reason; its text never comes from a request."""
    request_id: str
    """Joins the event with the log line of its request."""
    by: str
    """The actor, if it is not the user: `operator` or `service`."""


MAX_VALUE_LENGTH = 256
"""The number of characters beyond which values are cut, so that no field can fill the log."""


def plain(value: object) -> str:
    """The value as one printable line of at most MAX_VALUE_LENGTH characters."""
    text = str(value)[:MAX_VALUE_LENGTH]
    return text if text.isprintable() else "".join(c if c.isprintable() else "�" for c in text)
