"""One client profile on its way: discovery, identification, authorization, token, call, refresh, step-up."""

from __future__ import annotations

import base64
import json
import re
import secrets
import time
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote_plus, urlencode, urlsplit, urlunsplit

import aiohttp
from joserfc import jwt
from joserfc.jwk import RSAKey

from auth_service.clients.authenticator import ASSERTION_TYPE, hash_secret
from auth_service.clients.client import ClientKind
from auth_service.clients.client_metadata import ClientMetadata
from auth_service.clients.repository import StoredClient
from tests.support.oauth import challenge

if TYPE_CHECKING:
    from tests.e2e.client_profiles import Profile
    from tests.e2e.local_pair import LocalPair
    from tests.support.user_agent import UserAgent

CLIENT_KEY = RSAKey.generate_key(2048, {"kid": "client-key"})


class Journey:
    """The steps in their order. Each asserts what a client of this kind insists on."""

    def __init__(self, profile: Profile, pair: LocalPair, user: UserAgent) -> None:
        self.profile = profile
        self.pair = pair
        self.user = user
        self.secret: str | None = None

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._http.close()

    async def connect(self) -> dict[str, Any]:
        """The first steps; the tokens."""
        await self.discover()
        await self.identify()
        return await self.authorize(self.asked_scope())

    async def call_refresh_and_step_up(self, tokens: dict[str, Any]) -> None:
        """The further steps, with list_notes, which needs notes:read, and add_note, which needs notes:write too."""
        assert "notes:read" in tokens["scope"].split()
        assert (await self.call("list_notes", {}, tokens))[0] == 200

        tokens = await self.refresh(tokens)
        assert (await self.call("list_notes", {}, tokens))[0] == 200

        note = {"text": f"by {self.profile}"}
        status, challenge = await self.call("add_note", note, tokens)
        if "notes:write" in tokens["scope"].split():
            assert status == 200
            return
        # Step-up (interop.md R6): one challenge names everything that is needed, what is granted already included.
        assert (status, challenge["error"]) == (403, "insufficient_scope")
        assert {"notes:read", "notes:write"} <= set(challenge["scope"].split())
        tokens = await self.authorize(challenge["scope"])
        assert (await self.call("add_note", note, tokens))[0] == 200
        assert (await self.call("list_notes", {}, await self.refresh(tokens)))[0] == 200

    async def discover(self) -> None:
        """From a refused call to the endpoints, as this client looks for them (interop.md R1 to R5, A1, A2)."""
        status, challenge, _ = await self._call("list_notes", {}, token=None)
        assert status == 401
        assert "error" not in challenge
        self.challenged_scope = challenge["scope"]
        origin, path = self.pair.resource.rsplit("/mcp", 1)[0], "/mcp"
        well_known = f"{origin}/.well-known/oauth-protected-resource"
        address = {"header": challenge["resource_metadata"], "path": well_known + path, "root": well_known}
        resource = await self._document(address[self.profile.reads])
        assert resource["resource"] == self.pair.resource
        assert resource["authorization_servers"] == [self.pair.issuer]
        names = {"oauth": "oauth-authorization-server", "openid": "openid-configuration"}
        self.server = await self._document(f"{self.pair.issuer}/.well-known/{names[self.profile.discovers]}")
        assert self.server["issuer"] == self.pair.issuer
        assert self.server["code_challenge_methods_supported"] == ["S256"]
        assert self.server["token_endpoint_auth_methods_supported"][0] == "none"
        assert self.profile.authentication in self.server["token_endpoint_auth_methods_supported"]
        assert self.server["client_id_metadata_document_supported"] is True
        assert self.server["authorization_response_iss_parameter_supported"] is True

    async def identify(self) -> None:
        """By document, by registration, or with what the operator handed out (interop.md A4)."""
        if self.profile.document is not None:
            self.client_id = self.profile.document["client_id"]
            self.pair.hosts.serve_json(self.client_id, self.profile.document)
            if "jwks_uri" in self.profile.document:
                keys = {"keys": [CLIENT_KEY.as_dict(private=False)]}
                self.pair.hosts.serve_json(self.profile.document["jwks_uri"], keys)
        elif self.profile.registration is not None:
            answer = await self._register(self.profile.registration)
            self.client_id, self.secret = answer["client_id"], answer.get("client_secret")
        else:
            self.client_id, self.secret = f"operator-{secrets.token_hex(4)}", secrets.token_urlsafe(32)
            await self.pair.clients.add(self._pre_registered(), now=int(time.time()))
        assert (self.secret is not None) == self.profile.authentication.startswith("client_secret")

    async def authorize(self, scope: str | None) -> dict[str, Any]:
        """Ask the user; then redeem the code (interop.md A3, A8, A9, A10)."""
        verifier = secrets.token_urlsafe(48)
        state = secrets.token_urlsafe(8)
        answer = await self.user.authorize(self.authorization_url(scope, verifier, state))
        assert self.user.callback is not None
        assert self.user.callback.startswith(f"{self.profile.redirect_uri}?")
        assert answer.get("state") == (state if self.profile.state else None)
        assert answer["iss"] == self.pair.issuer
        return await self._token(
            [
                ("grant_type", "authorization_code"),
                ("code", answer["code"]),
                ("redirect_uri", self.profile.redirect_uri),
                ("code_verifier", verifier),
                *self._resource(),
            ]
        )

    def authorization_url(self, scope: str | None, verifier: str, state: str) -> str:
        """The authorization request as this client sends it."""
        query = [
            ("response_type", "code"),
            ("client_id", self.client_id),
            ("redirect_uri", self.profile.redirect_uri),
            ("code_challenge", challenge(verifier)),
            ("code_challenge_method", "S256"),
            *([("state", state)] if self.profile.state else []),
            *([("scope", scope)] if scope else []),
            *self._resource(),
            *self.profile.authorize_with.items(),
        ]
        return f"{self.server['authorization_endpoint']}?{urlencode(query)}"

    async def refresh(self, tokens: dict[str, Any]) -> dict[str, Any]:
        """As this client does it: with or without scope and resource."""
        form = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"])]
        form += self._resource() if self.profile.resource_on_refresh else []
        form += [("scope", tokens["scope"])] if self.profile.scope_on_refresh else []
        return await self._token(form)

    async def call(self, tool: str, arguments: dict[str, Any], tokens: dict[str, Any]) -> tuple[int, dict[str, str]]:
        """Call a tool: the status, and what the challenge says."""
        status, challenge, answer = await self._call(tool, arguments, token=tokens["access_token"])
        if status == 200:
            assert not answer["result"].get("isError"), answer
        return status, challenge

    def asked_scope(self) -> str | None:
        """The scope that this client requests at first."""
        if self.profile.scopes is None:
            return None
        advertised = " ".join(self.server["scopes_supported"])
        return self.profile.scopes.format(challenge=self.challenged_scope, advertised=advertised)

    async def _register(self, body: dict[str, Any]) -> dict[str, Any]:
        url = self.server["registration_endpoint"]
        await self._preflight(url, "POST", "content-type")
        async with self._http.post(url, json=body, headers=self._origin()) as response:
            assert response.status == 201, await response.text()
            self._check_cors(response)
            answer: dict[str, Any] = await response.json()
        assert answer["redirect_uris"] == body["redirect_uris"]
        return answer

    def _pre_registered(self) -> StoredClient:
        return StoredClient(
            client_id=self.client_id,
            kind=ClientKind.PRE_REGISTERED,
            metadata=ClientMetadata(
                (self.profile.redirect_uri,),
                ("authorization_code", "refresh_token"),
                self.profile.authentication,
                self.profile.name,
            ),
            created_at=int(time.time()),
            expires_at=None,
            secret_hash=hash_secret(self.secret or ""),
        )

    def _resource(self) -> list[tuple[str, str]]:
        parts = urlsplit(self.pair.resource)
        match self.profile.resource:
            case "omitted":
                return []
            case "repeated":
                return [("resource", self.pair.resource)] * 2
            case "with a slash":
                return [("resource", f"{self.pair.resource}/")]
            case "upper-case host":
                return [("resource", urlunsplit(parts._replace(netloc=parts.netloc.upper())))]
            case _:
                return [("resource", self.pair.resource)]

    async def _token(self, form: list[tuple[str, str]]) -> dict[str, Any]:
        headers = self._origin()
        match self.profile.authentication:
            case "none":
                form = [*form, ("client_id", self.client_id)]
            case "client_secret_post":
                form = [*form, ("client_id", self.client_id), ("client_secret", self.secret or "")]
            case "client_secret_basic":
                pair = f"{quote_plus(self.client_id)}:{quote_plus(self.secret or '')}"
                headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
            case "private_key_jwt":
                form = [*form, ("client_assertion", self._assertion()), ("client_assertion_type", ASSERTION_TYPE)]
        await self._preflight(self.server["token_endpoint"], "POST", "content-type")
        async with self._http.post(self.server["token_endpoint"], data=form, headers=headers) as response:
            answer: dict[str, Any] = await response.json()
            assert response.status == 200, answer
            assert response.headers["Cache-Control"] == "no-store"
            self._check_cors(response)
        assert answer["expires_in"] > 0
        assert answer["refresh_token"]
        assert answer["scope"]
        return answer

    def _assertion(self) -> str:
        now = int(time.time())
        claims = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.server["token_endpoint"],
            "iat": now,
            "exp": now + 60,
            "jti": secrets.token_urlsafe(16),
        }
        return jwt.encode({"alg": "RS256", "kid": "client-key"}, claims, CLIENT_KEY)

    async def _call(
        self, tool: str, arguments: dict[str, Any], *, token: str | None
    ) -> tuple[int, dict[str, str], Any]:
        params: dict[str, Any] = {"name": tool, "arguments": arguments}
        headers = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self.profile.wire,
            **self._origin(),
        }
        if self.profile.wire == "2026-07-28":
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": tool}
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": self.profile.wire,
                "io.modelcontextprotocol/clientInfo": {"name": self.profile.name, "version": "1"},
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        await self._preflight(self.pair.resource, "POST", "authorization, content-type, mcp-protocol-version")
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        async with self._http.post(self.pair.resource, json=body, headers=headers) as response:
            self._check_cors(response)
            text = await response.text()
            events = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
            challenge = _challenge(response.headers.get("WWW-Authenticate", ""))
            return response.status, challenge, json.loads(events[-1] if events else text or "null")

    async def _document(self, url: str) -> dict[str, Any]:
        async with self._http.get(url, headers=self._origin(), allow_redirects=False) as response:
            assert response.status == 200, url
            assert response.content_type == "application/json"
            self._check_cors(response)
            document: dict[str, Any] = await response.json()
            return document

    def _origin(self) -> dict[str, str]:
        return {"Origin": self.profile.origin} if self.profile.origin else {}

    async def _preflight(self, url: str, method: str, headers: str) -> None:
        if self.profile.origin is None:
            return
        asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
        async with self._http.options(url, headers=self._origin() | asked) as response:
            assert response.status in {200, 204}
            allowed = response.headers["Access-Control-Allow-Headers"].lower()
            assert all(name in allowed for name in headers.split(", "))
            assert method in response.headers["Access-Control-Allow-Methods"]

    def _check_cors(self, response: aiohttp.ClientResponse) -> None:
        if self.profile.origin is not None:
            assert response.headers["Access-Control-Allow-Origin"] == "*"
            assert "WWW-Authenticate" in response.headers["Access-Control-Expose-Headers"]


def _challenge(header: str) -> dict[str, str]:
    return dict(re.findall(r'(\w+)="([^"]*)"', header))
