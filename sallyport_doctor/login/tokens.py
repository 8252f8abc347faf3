"""Talking to the token endpoint: exchange, refresh, race, revoke. Holds the tokens of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sallyport_doctor.login.seen import TokenAnswerSeen

if TYPE_CHECKING:
    from sallyport_doctor.asker import Asker
    from sallyport_doctor.exchange import Exchange
    from sallyport_doctor.login.identity import Identity


@dataclass(slots=True)
class TokenClient:
    """One client at one token endpoint. Tokens stay in here and die with it."""

    asker: Asker
    endpoint: str
    identity: Identity
    resource: str
    access_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)

    async def redeem(self, *, code: str, verifier: str, redirect_uri: str) -> TokenAnswerSeen:
        """Exchange an authorization code; the tokens are kept."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
            "resource": self.resource,
        }
        return await self._post(form)

    async def refresh(self, token: str, *, with_resource: bool = False, scope: str = "") -> TokenAnswerSeen:
        """Refresh with this token, as Codex and Claude Code do without resource and scope; what comes is kept."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        form |= {"resource": self.resource} if with_resource else {}
        return await self._post(form | ({"scope": scope} if scope else {}))

    async def revoke(self, endpoint: str) -> Exchange:
        """Give the refresh token back (RFC 7009)."""
        form = [("token", self.refresh_token), ("token_type_hint", "refresh_token"), *self.identity.fields]
        return await self.asker.ask("POST", endpoint, form=form, headers=self.identity.headers)

    async def _post(self, form: dict[str, str]) -> TokenAnswerSeen:
        presented = form.get("refresh_token", "")
        pairs = [*form.items(), *self.identity.fields]
        exchange = await self.asker.ask("POST", self.endpoint, form=pairs, headers=self.identity.headers)
        document = exchange.document or {}
        if exchange.ok and isinstance(document.get("access_token"), str):
            self.access_token = document["access_token"]
            if isinstance(document.get("refresh_token"), str):
                self.refresh_token = document["refresh_token"]
        return _seen(exchange, document, presented)


def _seen(exchange: Exchange, document: dict[str, Any], presented: str) -> TokenAnswerSeen:
    error, lifetime, scope = (document.get(name) for name in ("error", "expires_in", "scope"))
    return TokenAnswerSeen(
        status=exchange.status,
        error=error[:80] if isinstance(error, str) else "",
        members=frozenset(document),
        expires_in=lifetime if isinstance(lifetime, int | float) and not isinstance(lifetime, bool) else None,
        scope=scope if isinstance(scope, str) else None,
        cache_control=(exchange.header("Cache-Control") or "").lower(),
        same_refresh_token=bool(presented) and document.get("refresh_token") == presented,
    )
