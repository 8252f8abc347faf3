"""An issuer that does what a test wants: keys that come and go, tokens of every kind, answers that are wrong."""

from __future__ import annotations

import asyncio
import base64
import json
import time
import warnings
from typing import TYPE_CHECKING, Any

from aiohttp import web
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, Key, KeyParameters, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

if TYPE_CHECKING:
    from tests.support.local_status_lists import LocalStatusLists


def new_key(kid: str = "key-1", algorithm: str = "RS256") -> Key:
    """A private key that signs with the algorithm."""
    parameters: KeyParameters = {"kid": kid, "use": "sig", "alg": algorithm}
    match algorithm:
        case "RS256":
            return RSAKey.generate_key(2048, parameters)
        case "ES256":
            return ECKey.generate_key("P-256", parameters)
        case _:
            return OKPKey.generate_key("Ed25519", parameters)


def key_set(*keys: Key) -> bytes:
    """The public key set document."""
    return json.dumps({"keys": [key.as_dict(private=False) for key in keys]}).encode()


def b64(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign_bytes(header: bytes, payload: bytes, key: Key) -> str:
    """A compact JWS over exactly these bytes, whatever they say, by the algorithm that the key is for."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    assert key.alg is not None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # EdDSA has a new name since RFC 9864
        algorithm = JWSRegistry(algorithms=[key.alg]).get_alg(key.alg)
    return f"{signing_input}.{b64(algorithm.sign(signing_input.encode(), key))}"


class LocalTokenIssuer:
    """Issues access tokens, good ones and others."""

    def __init__(
        self,
        *,
        issuer: str,
        resource: str,
        key: Key,
        grant_id: str | None = None,
        status: dict[str, Any] | None = None,
    ) -> None:
        self.issuer = issuer
        self.resource = resource
        self.key = key
        self.grant_id = grant_id
        self.status = status

    def claims(self, **changes: Any) -> dict[str, Any]:
        """The claims of a good token; a change to None takes the claim away."""
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": self.resource,
            "client_id": "client-1",
            "scope": "notes:read",
            "iat": now,
            "exp": now + 600,
            "jti": "token-1",
            "gid": self.grant_id,
            "status": self.status,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def issue(self, *, header: dict[str, Any] | None = None, key: Key | None = None, **changes: Any) -> str:
        """A signed token; `header` overrides members of its header (None takes one away), the rest are claims."""
        signing = key or self.key
        whole = {"typ": "at+jwt", "alg": signing.alg, "kid": signing.kid} | (header or {})
        present = {name: value for name, value in whole.items() if value is not None}
        return sign_bytes(json.dumps(present).encode(), json.dumps(self.claims(**changes)).encode(), signing)


class LocalIssuer:
    """Serves a key set on the loopback address; every part of the answer can be changed while it runs."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.content_type = "application/json"
        self.headers: dict[str, str] = {}
        self.holds_back = False
        """Whether `Prefer: wait` is honoured."""
        self.metadata: dict[str, Any] | None = None
        """The authorization server metadata, if there are any."""
        self.metadata_names = {"openid-configuration"}
        """The names of its documents below /.well-known/."""
        self.lists: LocalStatusLists | None = None
        self.requests: list[web.Request] = []
        self.asked = asyncio.Condition()
        self.drips = False
        """Whether the body comes one byte at a time."""
        self._changed = asyncio.Condition()
        self._version = 0
        self._runner: web.AppRunner | None = None
        self.url = ""

    async def publish(self, *keys: Key, body: bytes | None = None) -> None:
        """Serve another document; waiting long polls get it at once."""
        async with self._changed:
            self.body = key_set(*keys) if body is None else body
            self._version += 1
            self._changed.notify_all()

    def advertise(self, lists: LocalStatusLists) -> None:
        """Have status lists, and say so in the metadata."""
        self.lists, lists.issuer = lists, self.url
        self.metadata = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/.well-known/jwks.json",
            "status_list_aggregation_endpoint": f"{self.url}/status-lists",
        }

    async def start(self, port: int = 0) -> None:
        app = web.Application()
        app.router.add_get("/.well-known/jwks.json", self._answer)
        app.router.add_get("/other/keys", self._answer)
        app.router.add_get("/status-lists", self._answer_feed)
        app.router.add_get("/.well-known/{name}", self._show_metadata)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def until_asked(self, times: int) -> None:
        """Wait until that many requests have come."""
        async with self.asked:
            await self.asked.wait_for(lambda: len(self.requests) >= times)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        async with self.asked:
            self.requests.append(request)
            self.asked.notify_all()
        headers = dict(self.headers)
        waited = self.holds_back and request.headers.get("Prefer", "").startswith("wait=")
        if waited and request.headers.get("If-None-Match") == self._etag:
            async with self._changed:
                await self._changed.wait()
        if waited:
            headers["Preference-Applied"] = request.headers["Prefer"]
        headers["ETag"] = self._etag
        if self.drips:
            return await self._drip(request)
        if self.status == 200 and request.headers.get("If-None-Match") == self._etag:
            return web.Response(status=304, headers=headers)
        return web.Response(status=self.status, body=self.body, headers={**headers, "Content-Type": self.content_type})

    async def _show_metadata(self, request: web.Request) -> web.Response:
        if self.metadata is None or request.match_info["name"] not in self.metadata_names:
            raise web.HTTPNotFound
        return web.json_response(self.metadata)

    async def _answer_feed(self, request: web.Request) -> web.StreamResponse:
        if self.lists is None:
            raise web.HTTPNotFound
        return await self.lists.answer(request)

    async def _drip(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": self.content_type})
        await response.prepare(request)
        for byte in self.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(0.05)
        return response

    @property
    def _etag(self) -> str:
        return f'"{self._version}"'
