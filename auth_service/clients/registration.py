"""Registration of clients by themselves (RFC 7591) and its management (RFC 7592).

Two kinds of registration, so that neither an attacker nor a busy vendor fills the store (interop.md F12):

- A *shared* one: a public client whose every redirect URI leads to a server. Claude registers anew for each
  connection; all those bodies are equal, so the id is derived from the body and there is one record. RFC 7591
  section 3.2.1 allows it, and nothing is lost: such an id is public and proves nothing. Nobody may manage what
  strangers share, so it carries no registration access token: with one, a stranger who sent the same body could
  move the redirect URIs of everybody's client.
- An *own* one, for all others (anything with a secret or with keys, programs on a device): a random id, and a
  registration access token for its holder.
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auth_service.audit.events import AuditEvent
from auth_service.clients.client import ClientKind
from auth_service.clients.client_authentication import hash_secret
from auth_service.clients.client_metadata import SECRET_METHODS, ClientMetadata, effective_metadata
from auth_service.clients.repository import ClientRepository, StoredClient, is_storable_id
from auth_service.protocol.errors import InvalidClient, InvalidClientMetadata
from auth_service.protocol.redirect_uri import describe

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.clients.resolver import ClientResolver


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """A registration as its holder gets to see it. The secrets in it are stored nowhere."""

    record: StoredClient
    client_secret: str | None = None
    access_token: str | None = None


class RegistrationService:
    """Creates, shows, changes and ends registrations."""

    def __init__(
        self,
        *,
        clients: ClientRepository,
        directory: ClientResolver,
        audit: AuditLog,
        redirect_schemes: frozenset[str],
        unused_ttl_seconds: int,
        now: Callable[[], float] = time.time,
    ) -> None:
        """`unused_ttl_seconds` is how long a registration waits for its first grant."""
        self._clients = clients
        self._directory = directory
        self._audit = audit
        self._redirect_schemes = redirect_schemes
        self._unused_ttl = unused_ttl_seconds
        self._now = now

    async def register(self, unverified: Mapping[str, Any]) -> Registration:
        """Store a new client. Raises InvalidRedirectUri, InvalidClientMetadata or RedisUnavailable."""
        metadata = effective_metadata(unverified, redirect_schemes=self._redirect_schemes)
        now = int(self._now())
        if is_shared(metadata):
            record = self._record(shared_id(metadata), metadata, now=now)
            if await self._clients.add(record, now=now):
                self._record_event(AuditEvent.CLIENT_REGISTERED, record)
            else:
                kept = await self._clients.find(record.client_id, now=now)
                record = kept if isinstance(kept, StoredClient) else record
            return Registration(record)
        access_token = secrets.token_urlsafe(32)
        secret = secrets.token_urlsafe(32) if metadata.authentication_method in SECRET_METHODS else None
        record = dataclasses.replace(
            self._record(f"own-{secrets.token_urlsafe(18)}", metadata, now=now),
            secret_hash=hash_secret(secret) if secret else None,
            management_hash=hash_secret(access_token),
        )
        await self._clients.add(record, now=now)
        self._record_event(AuditEvent.CLIENT_REGISTERED, record)
        return Registration(record, client_secret=secret, access_token=access_token)

    async def read(self, client_id: str, unverified_access_token: str) -> Registration:
        """Show a registration to its holder (RFC 7592 section 2.1). Raises InvalidClient or RedisUnavailable."""
        return Registration(await self._held(client_id, unverified_access_token), access_token=unverified_access_token)

    async def update(self, client_id: str, unverified_access_token: str, unverified: Mapping[str, Any]) -> Registration:
        """Replace the metadata (RFC 7592 section 2.2); the id and an existing secret stay.

        Raises InvalidClient, InvalidClientMetadata, InvalidRedirectUri or RedisUnavailable.
        """
        record = await self._held(client_id, unverified_access_token)
        metadata = _checked_update(record, unverified, redirect_schemes=self._redirect_schemes)
        secret: str | None = None
        secret_hash = record.secret_hash
        if metadata.authentication_method not in SECRET_METHODS:
            secret_hash = None
        elif secret_hash is None:
            secret = secrets.token_urlsafe(32)
            secret_hash = hash_secret(secret)
        changed = dataclasses.replace(record, metadata=metadata, secret_hash=secret_hash)
        if not await self._clients.replace(changed, management_hash=record.management_hash or ""):
            raise _not_the_holder("the registration changed or ended meanwhile")
        self._directory.forget(client_id)
        self._record_event(AuditEvent.CLIENT_METADATA_CHANGED, changed)
        return Registration(changed, client_secret=secret, access_token=unverified_access_token)

    async def delete(self, client_id: str, unverified_access_token: str) -> None:
        """End the registration (RFC 7592 section 2.3): its grants can no longer be refreshed by anybody.

        Raises InvalidClient or RedisUnavailable.
        """
        record = await self._held(client_id, unverified_access_token)
        await self._clients.end(client_id, now=int(self._now()), management_hash=record.management_hash or "")
        self._directory.forget(client_id)
        self._record_event(AuditEvent.CLIENT_REMOVED, record)

    def _record_event(self, event: AuditEvent, record: StoredClient) -> None:
        self._audit.record(
            event,
            client=record.client_id,
            client_name=record.metadata.client_name or "",
            client_kind=record.kind.value,
            redirect_host=describe(record.metadata.redirect_uris[0]).host,
        )

    def _record(self, client_id: str, metadata: ClientMetadata, *, now: int) -> StoredClient:
        return StoredClient(
            client_id=client_id,
            kind=ClientKind.REGISTERED,
            metadata=metadata,
            created_at=now,
            expires_at=now + self._unused_ttl,
        )

    async def _held(self, client_id: str, unverified_access_token: str) -> StoredClient:
        # A stranger must not learn which ids exist: no client, no token and a wrong token are one answer.
        record = await self._clients.find(client_id, now=self._now()) if is_storable_id(client_id) else None
        if not isinstance(record, StoredClient) or record.management_hash is None:
            raise _not_the_holder("no such registration, or one that nobody manages")
        if not hmac.compare_digest(record.management_hash, hash_secret(unverified_access_token)):
            raise _not_the_holder("the registration access token is wrong")
        return record


def is_shared(metadata: ClientMetadata) -> bool:
    """Whether equal registrations of this kind are one client: public, and every redirect leads to a server."""
    return metadata.authentication_method == "none" and not any(
        describe(uri).is_local for uri in metadata.redirect_uris
    )


def shared_id(metadata: ClientMetadata) -> str:
    """The id of a shared registration: 192 bits of SHA-256 over everything that was granted."""
    text = json.dumps(metadata.as_members(), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()[:24]
    return f"shared-{base64.urlsafe_b64encode(digest).decode()}"


def _checked_update(
    record: StoredClient, unverified: Mapping[str, Any], *, redirect_schemes: frozenset[str]
) -> ClientMetadata:
    if unverified.get("client_id") != record.client_id:
        raise InvalidClientMetadata("client_id is missing or another", error_id="update_client_id")
    given = unverified.get("client_secret")
    if given is not None and not (
        isinstance(given, str) and record.secret_hash and hmac.compare_digest(hash_secret(given), record.secret_hash)
    ):
        raise InvalidClientMetadata("client_secret is not the current one", error_id="update_client_secret")
    return effective_metadata(unverified, redirect_schemes=redirect_schemes)


def _not_the_holder(reason: str) -> InvalidClient:
    return InvalidClient(
        reason,
        error_id="registration_access_token",
        code="invalid_token",
        public="The registration access token is not valid for this client.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
