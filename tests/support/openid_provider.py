"""An OpenID provider on loopback with a real clock, at which the browser's user is signed in already."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

from aiohttp import web

from tests.support.oidc_model import ENTRY, OidcModel, with_changes

if TYPE_CHECKING:
    from typing import Self


class OpenIdProvider(OidcModel):
    """Use as an async context manager: its issuer is its address. Its responses change as those of OidcModel."""

    async def __aenter__(self) -> Self:
        await self.start()
        self.issuer = self.url
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.stop()

    def entry(self, **changes: Any) -> dict[str, Any]:
        """Its entry in AUTH_IDENTITY_PROVIDERS."""
        return with_changes({**ENTRY, "issuer": self.issuer}, changes)

    def id_token(self, access_token: str) -> str:
        now = int(time.time())
        valid = {"iat": now, "exp": now + 300, **({"auth_time": now} if "max_age" in self.authorization else {})}
        changes = self.claims
        self.claims = valid | changes
        try:
            return super().id_token(access_token)
        finally:
            self.claims = changes

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/authorize" and "authorize" not in self.answers:
            self.requests.append(("authorize", dict(parse_qsl(request.query_string)), dict(request.headers)))
            response = self.authorize(str(request.url))
            return web.Response(
                status=302, headers={"Location": f"{self.authorization['redirect_uri']}?{urlencode(response)}"}
            )
        return await super()._answer(request)


def through_provider(provider: OpenIdProvider, **changes: Any) -> dict[str, str]:
    """Settings of a service at which users can sign in through this provider only."""
    return {"AUTH_IDENTITY_PROVIDERS": json.dumps([provider.entry(**changes)]), "AUTH_PASSWORDS": "off"}
