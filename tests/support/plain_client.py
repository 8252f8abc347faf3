"""A client written with plain HTTP requests, so that a test sees and can bend every one of them."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any, Protocol, Self

import aiohttp
from yarl import URL

from tests.support.oauth import challenge

if TYPE_CHECKING:
    from tests.support.user_agent import UserAgent

REDIRECT_URI = "http://127.0.0.1:33418/callback"


class Deployment(Protocol):
    """The addresses of one authorization server and one protected server."""

    @property
    def issuer(self) -> str: ...
    @property
    def resource(self) -> str: ...


class PlainClient:
    """One public client of a pair. Use as an async context manager."""

    def __init__(self, pair: Deployment) -> None:
        self.pair = pair
        self.client_id = ""

    async def __aenter__(self) -> Self:
        self.http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self.http.close()

    async def metadata(self) -> dict[str, Any]:
        """The authorization server's metadata."""
        return await self.get_json(f"{self.pair.issuer}/.well-known/oauth-authorization-server")

    async def get_json(self, url: str) -> dict[str, Any]:
        """A document that must be there."""
        async with self.http.get(url) as response:
            assert response.status == 200, await response.text()
            document: dict[str, Any] = await response.json()
            return document

    async def register(self, **extra: Any) -> dict[str, Any]:
        """Register as a public client; what was granted."""
        wanted = {
            "client_name": "A plain client",
            "redirect_uris": [REDIRECT_URI],
            "token_endpoint_auth_method": "none",
            "grant_types": ["authorization_code", "refresh_token"],
            **extra,
        }
        async with self.http.post((await self.metadata())["registration_endpoint"], json=wanted) as response:
            assert response.status == 201, await response.text()
            granted: dict[str, Any] = await response.json()
        self.client_id = granted["client_id"]
        return granted

    async def authorize(self, user: UserAgent, **extra: str) -> tuple[dict[str, str], str]:
        """Have the user decide; the callback's parameters and the PKCE verifier."""
        if not self.client_id:
            await self.register()
        verifier = secrets.token_urlsafe(48)
        url = (await self.metadata())["authorization_endpoint"]
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT_URI,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            "state": secrets.token_urlsafe(8),
            "scope": "notes:read notes:write",
            "resource": self.pair.resource,
            **extra,
        }
        callback = await user.authorize(str(URL(url).with_query(query)))
        assert callback["state"] == query["state"]
        return callback, verifier

    async def token_request(self, **form: str) -> tuple[int, dict[str, Any]]:
        """Ask the token endpoint; status and body."""
        url = (await self.metadata())["token_endpoint"]
        async with self.http.post(url, data={"client_id": self.client_id, **form}) as response:
            return response.status, await response.json()

    async def tokens(self, user: UserAgent, **extra: str) -> dict[str, Any]:
        """The whole way from the authorization request to a token response."""
        callback, verifier = await self.authorize(user, **extra)
        assert "code" in callback, callback
        status, body = await self.token_request(
            grant_type="authorization_code", code=callback["code"], redirect_uri=REDIRECT_URI, code_verifier=verifier
        )
        assert status == 200, body
        return body

    async def call_tool(
        self, token: str | None, name: str = "whoami", arguments: dict[str, Any] | None = None, *, url: str = ""
    ) -> tuple[int, dict[str, str], Any]:
        """Call one tool in the 2026-07-28 wire: status, headers, and the JSON-RPC answer (or the error body)."""
        call = {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": name,
                "arguments": arguments or {},
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                    "io.modelcontextprotocol/clientInfo": {"name": "plain", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        }
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": "tools/call",
            "Mcp-Name": name,
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        async with self.http.post(url or self.pair.resource, json=call, headers=headers) as response:
            text = await response.text()
            if response.content_type == "text/event-stream":
                events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
                return response.status, dict(response.headers), json.loads(events[-1])
            return response.status, dict(response.headers), json.loads(text) if text else None
