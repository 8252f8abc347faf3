"""POST /register (RFC 7591) and GET, PUT, DELETE /register/{client_id} (RFC 7592)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, Protocol
from urllib.parse import urlsplit

from aiohttp import web

from auth_service.clients.registration_budget import RegistrationSource
from auth_service.http.messages import NO_STORE, reading_body, secret_json
from auth_service.protocol.errors import InvalidClientMetadata, InvalidRequest
from shared.errors import RequestRejected
from shared.http.client_address import CLIENT_ADDRESS
from shared.http.media_type import essence_of
from shared.http.request_middleware import LOG_FIELDS
from shared.jose.strict_json import BadJson, parse_json_object

if TYPE_CHECKING:
    from auth_service.clients.registration import Registration, RegistrationService

PATH: Final = "/register"
MAX_BODY_BYTES: Final = 8192
"""The maximum bytes of a body. Known clients stay below one kilobyte, or below five with a key set."""

_HOSTS_COUNTED: Final = 4


class RegistrationLimits(Protocol):
    """The rate limit of registrations, and the networks that have a wider one."""

    def is_shared_network(self, address: str) -> bool:
        """Whether many clients may be behind the address."""

    async def check_registration(self, redirect_hosts: Iterable[str], address: str) -> None:
        """Count one registration. Raises TooManyRequests or RedisUnavailable."""


class RegisterEndpoint:
    """Reads and writes JSON; RegistrationService decides."""

    def __init__(
        self,
        *,
        registrations: RegistrationService,
        limits: RegistrationLimits,
        issuer: str,
        grantable: frozenset[str],
    ) -> None:
        """`grantable` are the scopes that clients can be granted."""
        self._registrations = registrations
        self._grantable = grantable
        self._limits = limits
        self._base = f"{issuer}{PATH}"

    async def register(self, request: web.Request) -> web.Response:
        """Register a client: 201 with the effective metadata."""
        unverified = await _read_json(request)
        await self._limits.check_registration(_redirect_hosts(unverified), request.get(CLIENT_ADDRESS, ""))
        prepared = self._registrations.prepare(unverified)
        answer = self._answer(prepared, status=201)
        registration = await self._registrations.store(prepared, self._source(request))
        request[LOG_FIELDS]["client_id"] = registration.record.client_id
        return answer if registration is prepared else self._answer(registration, status=201)

    async def read(self, request: web.Request) -> web.Response:
        """Show a registration to its holder."""
        return self._answer(await self._registrations.read(request.match_info["client_id"], _bearer(request)))

    async def update(self, request: web.Request) -> web.Response:
        """Replace a registration's metadata."""
        token = _bearer(request)
        unverified = await _read_json(request)
        changed = await self._registrations.prepare_update(request.match_info["client_id"], token, unverified)
        answer = self._answer(changed)
        await self._registrations.replace(changed, self._source(request))
        return answer

    async def delete(self, request: web.Request) -> web.Response:
        """End a registration."""
        await self._registrations.delete(request.match_info["client_id"], _bearer(request))
        return web.Response(status=204, headers=NO_STORE)

    def _source(self, request: web.Request) -> RegistrationSource:
        address = request.get(CLIENT_ADDRESS, "")
        return RegistrationSource.of(address, is_shared_network=self._limits.is_shared_network(address))

    def _answer(self, registration: Registration, *, status: int = 200) -> web.Response:
        record = registration.record
        body: dict[str, Any] = {
            "client_id": record.client_id,
            "client_id_issued_at": record.created_at,
            **record.metadata.as_members(),
        }
        # The record keeps what the client named: its shared id is derived from that, and the configuration may change.
        scope = " ".join(name for name in body.pop("scope", "").split() if name in self._grantable)
        if scope:
            body["scope"] = scope
        if registration.client_secret is not None:
            body |= {"client_secret": registration.client_secret, "client_secret_expires_at": 0}
        if registration.access_token is not None:
            body |= {
                "registration_access_token": registration.access_token,
                "registration_client_uri": f"{self._base}/{record.client_id}",
            }
        return secret_json(body, status=status)


def _redirect_hosts(unverified: Mapping[str, Any]) -> list[str]:
    """The hosts of the first redirect URIs, for the rate limit."""
    uris = unverified.get("redirect_uris")
    hosts = []
    for uri in uris[:_HOSTS_COUNTED] if isinstance(uris, list) else ():
        try:
            hosts.append(urlsplit(uri).hostname or "")
        except (ValueError, TypeError, AttributeError):
            continue
    return hosts


async def _read_json(request: web.Request) -> dict[str, Any]:
    """Read a bounded, strict JSON object. Raises InvalidRequest or InvalidClientMetadata."""
    content_type = request.headers.get("Content-Type", "")
    if essence_of(content_type) != "application/json":
        raise InvalidRequest(
            f"the content type is {content_type!r:.60}",
            error_id="content_type",
            status=415,
            public="The body must be application/json.",
        )
    body = bytearray()
    async with reading_body():
        async for chunk in request.content.iter_chunked(MAX_BODY_BYTES):
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise RequestRejected(
                    "the body is too large", error_id="body_size", status=413, public="The body is too large."
                )
    try:
        return parse_json_object(bytes(body))
    except BadJson as exc:
        raise InvalidClientMetadata(f"the body is no JSON object: {exc}"[:200], error_id="body_json") from exc


def _bearer(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise InvalidRequest(
            "no registration access token",
            error_id="registration_access_token",
            status=401,
            code="invalid_token",
            public="The registration access token is missing.",
            headers={"WWW-Authenticate": "Bearer"},
        )
    return token.strip()
