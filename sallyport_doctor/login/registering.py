"""Registering as real clients do (RFC 7591), and deleting again what was registered (RFC 7592)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sallyport_doctor.addresses import is_absolute
from sallyport_doctor.login.seen import AttemptSeen
from sallyport_doctor.observation import strings

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange

LOOPBACK: Final = "http://127.0.0.1:33418/"
HTTPS: Final = "https://www.cursor.com/agents/mcp/oauth/callback"
APP_SCHEME: Final = "cursor://anysphere.cursor-mcp/oauth/callback"
CONFIDENTIAL: Final = "https://callback.mistral.ai/v1/integrations_auth/oauth2_callback"
DANGEROUS: Final = "javascript:alert(1)//https://doctor.invalid/"
PLAIN_HTTP: Final = "http://doctor.invalid/callback"

NOT_ABOUT_REDIRECTS: Final = frozenset({401, 403, 404, 405, 429})
"""Refusals that another set of redirects would not change."""

_GRANTS: Final = ("authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code")


@dataclass(slots=True)
class Registrar:
    """Registers, and remembers what has to be deleted at the end."""

    asker: Asker
    endpoint: str
    grants: tuple[str, ...] = ()
    """The grants that the metadata lists; empty when it lists none."""
    clients: list[dict[str, Any]] = field(default_factory=list)

    async def attempt(self, redirects: list[str], *, method: str = "none") -> AttemptSeen:
        """Register once; the client, if there is one, is remembered."""
        body = {
            "client_name": "Sallyport doctor",
            "redirect_uris": redirects,
            "token_endpoint_auth_method": method,
            "response_types": ["code"],
            # As VS Code asks: what it can do, save what the metadata rules out. The rest has to be overlooked.
            "grant_types": [grant for grant in _GRANTS if not self.grants or grant in self.grants],
            "application_type": "native",
        }
        exchange = await self.asker.ask("POST", self.endpoint, json=body)
        document = exchange.document or {}
        if exchange.status in {200, 201} and isinstance(document.get("client_id"), str):
            self.clients.append(document)
        return _seen(exchange, document, redirects, method)

    async def delete_all(self) -> int:
        """Delete every client that was registered; how many are left is returned."""
        left = 0
        for client in self.clients:
            address, token = client.get("registration_client_uri"), client.get("registration_access_token")
            if not is_absolute(address) or not isinstance(token, str):
                left += 1
                continue
            answer = await self.asker.ask("DELETE", str(address), headers={"Authorization": f"Bearer {token}"})
            left += answer.status not in {200, 204}
        self.clients.clear()
        return left


async def register_as_clients_do(registrar: Registrar) -> dict[str, AttemptSeen]:
    """All kinds of redirect in one request, as Cursor and VS Code ask; each alone only when that is refused."""
    seen = {"mixed": await registrar.attempt([LOOPBACK, "http://localhost:8787/callback", HTTPS, APP_SCHEME])}
    if 400 <= seen["mixed"].status < 500 and seen["mixed"].status not in NOT_ABOUT_REDIRECTS:
        seen["loopback"] = await registrar.attempt([LOOPBACK])
        seen["https"] = await registrar.attempt([HTTPS])
        seen["app scheme"] = await registrar.attempt([APP_SCHEME])
    if any(attempt.accepted for attempt in seen.values()):
        seen["secret"] = await registrar.attempt([CONFIDENTIAL], method="client_secret_basic")
        seen["dangerous"] = await registrar.attempt([DANGEROUS])
        seen["plain http"] = await registrar.attempt([PLAIN_HTTP])
    return seen


def _seen(exchange: Exchange, document: dict[str, Any], redirects: list[str], method: str) -> AttemptSeen:
    told = " ".join(str(document[name]) for name in ("error", "error_description") if document.get(name))
    effective = document.get("redirect_uris")
    effective_method = document.get("token_endpoint_auth_method")
    return AttemptSeen(
        status=exchange.status,
        told=exchange.summary(),
        error=told[:160],
        asked_method=method,
        asked_redirects=tuple(redirects),
        method=effective_method if isinstance(effective_method, str) else None,
        redirects=strings(effective) if isinstance(effective, list) else None,
        has_client_id=isinstance(document.get("client_id"), str),
        has_secret=bool(document.get("client_secret")),
        has_secret_expiry="client_secret_expires_at" in document,
        cache_control=(exchange.header("Cache-Control") or "").lower(),
    )
