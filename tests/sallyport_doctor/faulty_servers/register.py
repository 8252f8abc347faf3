"""Dynamic client registration of the model server."""

from __future__ import annotations

import secrets
import time
from urllib.parse import urlsplit

from aiohttp import web

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
BAD_SCHEMES = {"javascript", "data", "vbscript", "file", "blob"}


def oauth_error(error, status=400, **headers):
    return web.json_response({"error": error}, status=status, headers={"Cache-Control": "no-store", **headers})


class Registration:
    """Keeps clients in a plain dictionary."""

    origin: str

    def __init__(self):
        self.clients = {}

    async def answer_register(self, request):
        try:
            asked = await request.json()
        except ValueError:
            return oauth_error("invalid_client_metadata")
        redirects = asked.get("redirect_uris") or []
        if not redirects or not all(self.allows_redirect(r) for r in redirects):
            return oauth_error("invalid_redirect_uri")
        client_id = secrets.token_urlsafe(12)
        method = self.method_for(asked)
        client = {
            "client_id": client_id,
            "client_id_issued_at": int(time.time()),
            "redirect_uris": redirects,
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": method,
            "registration_client_uri": f"{self.origin}/register/{client_id}",
            "registration_access_token": secrets.token_urlsafe(16),
        }
        if method != "none":
            client |= {"client_secret": secrets.token_urlsafe(24), "client_secret_expires_at": 0}
        self.clients[client_id] = client
        return self.registered(client)

    def allows_redirect(self, uri):
        parts = urlsplit(uri)
        return parts.scheme not in BAD_SCHEMES and (parts.scheme != "http" or parts.hostname in LOOPBACK)

    def method_for(self, asked):
        return asked.get("token_endpoint_auth_method", "client_secret_basic")

    def registered(self, client):
        return web.json_response(client, status=201, headers={"Cache-Control": "no-store"})

    async def answer_unregister(self, request):
        client = self.clients.get(request.match_info["client_id"])
        if client is None or request.headers.get("Authorization") != f"Bearer {client['registration_access_token']}":
            return oauth_error("invalid_token", 401)
        del self.clients[client["client_id"]]
        return web.Response(status=204)
