"""Requests to the token and revocation endpoints. Holds the tokens of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sallyport_doctor.login_evidence import TokenResponse

if TYPE_CHECKING:
    from sallyport_doctor.http_exchange import HttpExchange
    from sallyport_doctor.http_probe import HttpProbe
    from sallyport_doctor.login.client_authentication import ClientAuthentication


@dataclass(slots=True)
class TokenClient:
    """One client at one token endpoint, with its current tokens."""

    http: HttpProbe
    endpoint: str
    authentication: ClientAuthentication
    resource: str
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    async def redeem(self, *, code: str, verifier: str, redirect_uri: str) -> TokenResponse:
        """Exchange an authorization code and keep the tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "resource": self.resource,
        }
        return await self._post(form)

    async def refresh(self, token: str, *, with_resource: bool = False, scope: str = "") -> TokenResponse:
        """Refresh and keep the tokens. By default without resource and scope, like Codex and Claude Code."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        form |= {"resource": self.resource} if with_resource else {}
        return await self._post(form | ({"scope": scope} if scope else {}))

    async def revoke(self, endpoint: str) -> HttpExchange:
        """Revoke the current refresh token (RFC 7009)."""
        form = [("token", self.refresh_token), ("token_type_hint", "refresh_token"), *self.authentication.fields]
        return await self.http.request("POST", endpoint, form=form, headers=self.authentication.headers)

    async def _post(self, form: dict[str, str]) -> TokenResponse:
        presented = form.get("refresh_token", "")
        pairs = [*form.items(), *self.authentication.fields]
        exchange = await self.http.request("POST", self.endpoint, form=pairs, headers=self.authentication.headers)
        document = exchange.document or {}
        if exchange.ok and isinstance(document.get("access_token"), str):
            self.access_token = document["access_token"]
            if isinstance(document.get("refresh_token"), str):
                self.refresh_token = document["refresh_token"]
        return _token_response(exchange, document, presented)


def _token_response(exchange: HttpExchange, document: dict[str, Any], presented: str) -> TokenResponse:
    error, lifetime, scope = (document.get(name) for name in ("error", "expires_in", "scope"))
    return TokenResponse(
        status=exchange.status,
        error=error[:80] if isinstance(error, str) else "",
        members=frozenset(document),
        expires_in=lifetime if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) else None,
        scope=scope if isinstance(scope, str) else None,
        cache_control=(exchange.header("Cache-Control") or "").lower(),
        same_refresh_token=bool(presented) and document.get("refresh_token") == presented,
    )
