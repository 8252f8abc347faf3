"""Dynamic registration like real clients (RFC 7591), and deletion of the registered clients (RFC 7592)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.authorization import LOOPBACK
from sallyport_doctor.evidence import strings
from sallyport_doctor.login_evidence import RegistrationAttempt

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe

HTTPS: Final = "https://www.cursor.com/agents/mcp/oauth/callback"
APP_SCHEME: Final = "cursor://anysphere.cursor-mcp/oauth/callback"
CONFIDENTIAL: Final = "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback"
DANGEROUS: Final = "javascript:alert(1)//https://doctor.invalid/"
PLAIN_HTTP: Final = "http://doctor.invalid/callback"

NOT_ABOUT_REDIRECTS: Final = frozenset({401, 403, 404, 405, 429})
"""Errors that do not depend on the redirect URIs."""

_GRANTS: Final = ("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code")


@dataclass(slots=True)
class RegistrationClient:
    """Registers clients and keeps their credentials for the deletion."""

    http: HttpProbe
    endpoint: str
    grants: tuple[str, ...] = ()
    """grant_types_supported of the metadata; empty when it is absent."""
    clients: list[dict[str, Any]] = field(default_factory=list)

    async def attempt(self, redirects: list[str], *, method: str = "none") -> RegistrationAttempt:
        """Send one registration request, and keep the client if it is accepted."""
        body = {
            "client_name": "Sallyport doctor",
            "redirect_uris": redirects,
            "token_endpoint_auth_method": method,
            "response_types": ["code"],
            # Like VS Code: all its grants, except those that the metadata excludes.
            "grant_types": [grant for grant in _GRANTS if not self.grants or grant in self.grants],
            "application_type": "native",
        }
        exchange = await self.http.request("POST", self.endpoint, json=body)
        document = exchange.document or {}
        if exchange.status in {200, 201} and isinstance(document.get("client_id"), str):
            self.clients.append(document)
        return _attempt(exchange, document, redirects, method)

    async def delete_all(self) -> int:
        """Delete all registered clients. Returns the number that could not be deleted."""
        remaining = 0
        for client in self.clients:
            address, token = client.get("registration_client_uri"), client.get("registration_access_token")
            if not is_absolute(address) or not isinstance(token, str):
                remaining += 1
                continue
            response = await self.http.request("DELETE", str(address), headers={"Authorization": f"Bearer {token}"})
            remaining += response.status not in {200, 204}
        self.clients.clear()
        return remaining


async def register_like_clients(registration_client: RegistrationClient) -> dict[str, RegistrationAttempt]:
    """Register all kinds of redirect URI in one request, like Cursor and VS Code; each kind separately if refused."""
    attempts = {
        "mixed": await registration_client.attempt([LOOPBACK, "http://localhost:8787/callback", HTTPS, APP_SCHEME])
    }
    if 400 <= attempts["mixed"].status < 500 and attempts["mixed"].status not in NOT_ABOUT_REDIRECTS:
        attempts["loopback"] = await registration_client.attempt([LOOPBACK])
        attempts["https"] = await registration_client.attempt([HTTPS])
        attempts["app scheme"] = await registration_client.attempt([APP_SCHEME])
    if any(attempt.accepted for attempt in attempts.values()):
        attempts["secret"] = await registration_client.attempt([CONFIDENTIAL], method="client_secret_basic")
        attempts["dangerous"] = await registration_client.attempt([DANGEROUS])
        attempts["plain http"] = await registration_client.attempt([PLAIN_HTTP])
    return attempts


def _attempt(
    exchange: HttpExchange, document: dict[str, Any], redirects: list[str], method: str
) -> RegistrationAttempt:
    error = " ".join(str(document[name]) for name in ("error", "error_description") if document.get(name))
    effective = document.get("redirect_uris")
    effective_method = document.get("token_endpoint_auth_method")
    return RegistrationAttempt(
        status=exchange.status,
        summary=exchange.summary(),
        error=error[:160],
        requested_method=method,
        requested_redirects=tuple(redirects),
        method=effective_method if isinstance(effective_method, str) else None,
        redirects=strings(effective) if isinstance(effective, list) else None,
        has_client_id=isinstance(document.get("client_id"), str),
        has_secret=bool(document.get("client_secret")),
        has_secret_expiry="client_secret_expires_at" in document,
        cache_control=(exchange.header("Cache-Control") or "").lower(),
    )
