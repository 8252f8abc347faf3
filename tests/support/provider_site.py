"""An OpenID provider on loopback with a sign-in page, for tests in a real browser. It is honest.

Its address has another site (127.0.0.1) than the authorization server (localhost), as a provider of the Internet does.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import secrets
import time
from typing import Any, Final, Self
from urllib.parse import urlencode

from aiohttp import web

from tests.support.free_ports import free_port
from tests.support.local_issuer import b64, key_set, new_key, sign_bytes

_SECRET: Final = "an upstream secret of forty characters"
_HEAD: Final = "<!doctype html><html lang=en><link rel=icon href=data:,>"


class ProviderSite:
    """Use as an async context manager. `users` holds further claims, by the name that is typed on its page."""

    def __init__(self, identifier: str, display_name: str, **entry: Any) -> None:
        """`entry` has further fields of the configuration."""
        self.port = free_port(("127.0.0.1",))
        self.url = f"http://127.0.0.1:{self.port}"
        self.users: dict[str, dict[str, Any]] = {}
        self.asked: list[dict[str, str]] = []
        """The parameters of each authorization request."""
        self.entry: dict[str, Any] = {
            "id": identifier,
            "kind": "oidc",
            "display_name": display_name,
            "issuer": self.url,
            "client_id": "sallyport",
            "client_secret": _SECRET,
            "id_token_algorithms": ["ES256"],
            "allow": {"everyone": True},
        } | entry
        """In AUTH_IDENTITY_PROVIDERS."""
        self._key = new_key(identifier, "ES256")
        self._codes: dict[str, dict[str, str]] = {}

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.add_routes(
            [
                web.get("/.well-known/openid-configuration", self._describe),
                web.get("/jwks", self._show_keys),
                web.get("/authorize", self._show),
                web.post("/authorize", self._sign_in),
                web.post("/token", self._issue),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _describe(self, _: web.Request) -> web.Response:
        return web.json_response(
            {
                "issuer": self.url,
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "jwks_uri": f"{self.url}/jwks",
                "response_types_supported": ["code"],
                "code_challenge_methods_supported": ["S256"],
                "id_token_signing_alg_values_supported": ["ES256"],
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def _show_keys(self, _: web.Request) -> web.Response:
        return web.Response(body=key_set(self._key), content_type="application/json")

    async def _show(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.query))
        hidden = _hidden(request.query.items())
        return _page(
            f"<title>{self.entry['display_name']}</title><h1>Sign in at {self.entry['display_name']}</h1>"
            f"<form method=post>{hidden}<label>Login <input name=login autofocus></label>"
            "<button>Continue</button><button name=error value=access_denied>Cancel</button></form>"
        )

    async def _sign_in(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        response = {"state": form["state"], "iss": self.url}
        if "error" in form:
            response["error"] = form["error"]
        else:
            response["code"] = secrets.token_urlsafe()
            self._codes[response["code"]] = form
        if form.get("response_mode") == "form_post":
            return _page(
                f"<title>Back</title><form method=post action='{html.escape(form['redirect_uri'])}'>"
                f"{_hidden(response.items())}<button>Go back</button></form>"
            )
        raise web.HTTPFound(f"{form['redirect_uri']}?{urlencode(response)}")

    async def _issue(self, request: web.Request) -> web.Response:
        form = await request.post()
        begun = self._codes.pop(str(form["code"]))
        credentials = base64.b64encode(f"sallyport:{_SECRET.replace(' ', '+')}".encode()).decode()
        verifier = hashlib.sha256(str(form["code_verifier"]).encode()).digest()
        assert request.headers["Authorization"] == f"Basic {credentials}"
        assert b64(verifier) == begun["code_challenge"]
        return web.json_response({"access_token": "at", "token_type": "Bearer", "id_token": self._id_token(begun)})

    def _id_token(self, begun: dict[str, str]) -> str:
        now = int(time.time())
        claims = {
            "iss": self.url,
            "sub": begun["login"],
            "aud": "sallyport",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": begun["nonce"],
            "email": f"{begun['login']}@example.com",
            "email_verified": True,
        } | self.users.get(begun["login"], {})
        header = {"alg": "ES256", "kid": self._key.kid, "typ": "JWT"}
        return sign_bytes(json.dumps(header).encode(), json.dumps(claims).encode(), self._key)


def _hidden(pairs: Any) -> str:
    return "".join(f'<input type=hidden name="{html.escape(n)}" value="{html.escape(v)}">' for n, v in pairs)


def _page(body: str) -> web.Response:
    return web.Response(text=_HEAD + body, content_type="text/html")
