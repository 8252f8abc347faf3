"""Dynamic client registration (RFC 7591) and its management (RFC 7592).

Two kinds of registration, so that neither an attacker nor a busy vendor fills Redis (interop.md F12):

- *Shared*: a public client whose redirect URIs all lead to servers. Claude registers again for each connection with
  equal bodies, so the id is derived from the body and there is one record. RFC 7591 section 3.2.1 allows it, and
  nothing is lost: such an id is public and proves nothing. A shared registration has no registration access token:
  with one, any sender of the same body could change the redirect URIs of all its users.
- *Own*: all others (with a secret or keys, or programs on a device) get a random id and a registration access token.
"""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auth_service.audit.events import AuditEvent
from auth_service.clients.authenticator import hash_secret
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import SECRET_METHODS, ClientMetadata, effective_metadata
from auth_service.clients.repository import ClientRepository, StoredClient
from auth_service.clients.resolver import ClientResolver, is_storable_id
from auth_service.protocol.errors import InvalidClient, InvalidClientMetadata
from auth_service.protocol.redirect_uri import redirect_target
from shared.jose import base64url

if TYPE_CHECKING:
    from auth_service.audit.log import AuditLog
    from auth_service.clients.registration_budget import RegistrationSource


@dataclass(frozen=True, slots=True, repr=False)
class Registration:
    """A registration as shown to its holder. The secrets in it are not stored."""

    record: StoredClient
    client_secret: str | None = None
    access_token: str | None = None


class RegistrationService:
    """Creates, shows, changes and ends registrations.

    A change has two steps, so that its answer is encoded before it is stored: what cannot be answered is not stored.
    """

    def __init__(
        self,
        *,
        repository: ClientRepository,
        resolver: ClientResolver,
        audit: AuditLog,
        redirect_schemes: frozenset[str],
        unused_ttl_seconds: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`unused_ttl_seconds` is the lifetime of a registration before its first grant."""
        self._repository = repository
        self._resolver = resolver
        self._audit = audit
        self._redirect_schemes = redirect_schemes
        self._unused_ttl = unused_ttl_seconds
        self._clock = clock

    def prepare(self, unverified: Mapping[str, Any]) -> Registration:
        """A new registration, not stored yet. Raises InvalidRedirectUri or InvalidClientMetadata."""
        metadata = effective_metadata(unverified, redirect_schemes=self._redirect_schemes)
        now = int(self._clock())
        if is_shared(metadata):
            return Registration(self._record(shared_id(metadata), metadata, now=now))
        access_token = base64url.random_text(32)
        secret = base64url.random_text(32) if metadata.authentication_method in SECRET_METHODS else None
        record = dataclasses.replace(
            self._record(f"own-{base64url.random_text(18)}", metadata, now=now),
            secret_hash=hash_secret(secret) if secret else None,
            management_hash=hash_secret(access_token),
        )
        return Registration(record, client_secret=secret, access_token=access_token)

    async def store(self, registration: Registration, source: RegistrationSource) -> Registration:
        """Store a prepared registration, and return the one in force: of equal shared ones the first.

        Raises RedisUnavailable.
        """
        record = registration.record
        shared = registration.access_token is None
        kept = await self._repository.find(record.client_id, now=record.created_at) if shared else None
        if isinstance(kept, StoredClient) and kept.used:
            return Registration(kept)
        if await self._repository.add(record, now=record.created_at, source=source):
            self._record_event(AuditEvent.CLIENT_REGISTERED, record)
            return registration
        return Registration(kept) if isinstance(kept, StoredClient) else registration

    async def read(self, client_id: str, unverified_access_token: str) -> Registration:
        """Show a registration to its holder (RFC 7592 section 2.1). Raises InvalidClient or RedisUnavailable."""
        return Registration(
            await self._managed_record(client_id, unverified_access_token), access_token=unverified_access_token
        )

    async def prepare_update(
        self, client_id: str, unverified_access_token: str, unverified: Mapping[str, Any]
    ) -> Registration:
        """New metadata (RFC 7592 section 2.2), not stored yet; the id and an existing secret stay.

        Raises InvalidClient, InvalidClientMetadata, InvalidRedirectUri or RedisUnavailable.
        """
        record = await self._managed_record(client_id, unverified_access_token)
        metadata = _checked_update(record, unverified, redirect_schemes=self._redirect_schemes)
        secret: str | None = None
        secret_hash = record.secret_hash
        if metadata.authentication_method not in SECRET_METHODS:
            secret_hash = None
        elif secret_hash is None:
            secret = base64url.random_text(32)
            secret_hash = hash_secret(secret)
        changed = dataclasses.replace(record, metadata=metadata, secret_hash=secret_hash)
        return Registration(changed, client_secret=secret, access_token=unverified_access_token)

    async def replace(self, changed: Registration, source: RegistrationSource) -> None:
        """Store a prepared update. Raises InvalidClient or RedisUnavailable."""
        record = changed.record
        if not await self._repository.replace(
            record, management_hash=record.management_hash or "", now=int(self._clock()), source=source
        ):
            raise _invalid_management_token("the registration changed or ended meanwhile")
        self._resolver.forget(record.client_id)
        self._record_event(AuditEvent.CLIENT_METADATA_CHANGED, record)

    async def delete(self, client_id: str, unverified_access_token: str) -> None:
        """End the registration (RFC 7592 section 2.3): its grants can no longer be refreshed.

        Raises InvalidClient or RedisUnavailable.
        """
        record = await self._managed_record(client_id, unverified_access_token)
        await self._repository.end(client_id, now=int(self._clock()), management_hash=record.management_hash or "")
        self._resolver.forget(client_id)
        self._record_event(AuditEvent.CLIENT_REMOVED, record)

    def _record_event(self, event: AuditEvent, record: StoredClient) -> None:
        self._audit.record(
            event,
            client=record.client_id,
            client_name=record.metadata.client_name or "",
            client_kind=record.kind.value,
            redirect_host=redirect_target(record.metadata.redirect_uris[0]).host,
        )

    def _record(self, client_id: str, metadata: ClientMetadata, *, now: int) -> StoredClient:
        return StoredClient(
            client_id=client_id,
            kind=ClientKind.REGISTERED,
            metadata=metadata,
            created_at=now,
            expires_at=now + self._unused_ttl,
        )

    async def _managed_record(self, client_id: str, unverified_access_token: str) -> StoredClient:
        # No client, no token and a wrong token get one answer, so that it does not reveal which ids exist.
        record = await self._repository.find(client_id, now=self._clock()) if is_storable_id(client_id) else None
        if not isinstance(record, StoredClient) or record.management_hash is None:
            raise _invalid_management_token("no such registration, or a shared one")
        if not hmac.compare_digest(record.management_hash, hash_secret(unverified_access_token)):
            raise _invalid_management_token("the registration access token is wrong")
        return record


def is_shared(metadata: ClientMetadata) -> bool:
    """Whether equal registrations of this kind are one client: public, and no redirect URI is local."""
    return metadata.authentication_method == "none" and not any(
        redirect_target(uri).is_local for uri in metadata.redirect_uris
    )


def shared_id(metadata: ClientMetadata) -> str:
    """The id of a shared registration: 192 bits of SHA-256 over its effective metadata."""
    text = json.dumps(metadata.as_members(), sort_keys=True, separators=(",", ":"))
    digest = hashlib.sha256(text.encode()).digest()[:24]
    return f"shared-{base64url.encode(digest)}"


def _checked_update(
    record: StoredClient, unverified: Mapping[str, Any], *, redirect_schemes: frozenset[str]
) -> ClientMetadata:
    if unverified.get("client_id") != record.client_id:
        raise InvalidClientMetadata("client_id is missing or differs", error_id="update_client_id")
    given = unverified.get("client_secret")
    if given is not None and not (
        isinstance(given, str) and record.secret_hash and hmac.compare_digest(hash_secret(given), record.secret_hash)
    ):
        raise InvalidClientMetadata("client_secret is not the current one", error_id="update_client_secret")
    return effective_metadata(unverified, redirect_schemes=redirect_schemes)


def _invalid_management_token(reason: str) -> InvalidClient:
    return InvalidClient(
        reason,
        error_id="registration_access_token",
        code="invalid_token",
        public="The registration access token is not valid for this client.",
        headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
    )
