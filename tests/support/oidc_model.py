"""An OpenID provider on loopback whose responses a test can make invalid, and a browser that signs in there.

Every address of the provider, whatever its host, leads to the one server: presets have issuers of the public Internet.
"""

from __future__ import annotations

import asyncio
import dataclasses
import functools
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from aiohttp import web
from pydantic import TypeAdapter

from auth_service.federation.configuration import OidcProvider
from auth_service.federation.http import ProviderHttp, ProviderResponse
from auth_service.federation.oidc.presets import profile_of
from auth_service.federation.oidc.provider import OidcIdentityProvider
from auth_service.federation.provider import AuthorizationUrlRequest, PendingSignIn, Purpose
from tests.support.local_issuer import b64, new_key, sign_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from joserfc.jwk import Key

    from auth_service.federation.identity import Identity
    from shared.fetch.ssrf_safe_client import FetchedBody

NOW: Final = 1_800_000_000
CLIENT_ID: Final = "client-1"
REDIRECT_URI: Final = "https://auth.example/sign-in/callback/corp"
ISSUER: Final = "https://idp.example"
MISSING: Final = object()
"""In the place of a member: left out."""
VERIFIER: Final = "verifier-of-this-sign-in-0123456789abcdefgh"
ENTRY: Final[dict[str, Any]] = {
    "id": "corp",
    "kind": "oidc",
    "display_name": "Corp",
    "client_id": CLIENT_ID,
    "client_secret": "a secret: ü+%",
    "allow": {"everyone": True},
}

signing_key = functools.cache(new_key)
"""Made once for all tests: an RSA key takes a while."""


def public(key: Key) -> dict[str, Any]:
    """A key as a provider publishes it."""
    return dict(key.as_dict(private=False))


def with_changes(members: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Members changed, added or, where MISSING, left out."""
    return {name: value for name, value in {**members, **changes}.items() if value is not MISSING}


class OidcModel:
    """Each dictionary holds changes to what it sends; with all of them empty, every response is valid."""

    def __init__(self, issuer: str = ISSUER) -> None:
        self.issuer = issuer
        self.key = signing_key()
        self.published = [public(self.key)]
        self.metadata: dict[str, Any] = {}
        self.response: dict[str, Any] = {}
        self.header: dict[str, Any] = {}
        self.claims: dict[str, Any] = {}
        self.tokens: dict[str, Any] = {}
        self.userinfo: dict[str, Any] = {}
        self.sign: Callable[[bytes, bytes], str] = lambda header, claims: sign_bytes(header, claims, self.key)
        self.answers: dict[str, dict[str, Any]] = {}
        """By the last part of a path: the answer in the place of the valid one."""
        self.hanging: set[str] = set()
        self.requests: list[tuple[str, dict[str, str], dict[str, str]]] = []
        """Last part of the path, form, headers."""
        self.authorization: dict[str, str] = {}
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    def asked(self, name: str) -> int:
        """Number of requests that an endpoint had."""
        return [request[0] for request in self.requests].count(name)

    def authorize(self, url: str) -> dict[str, str]:
        """Parameters of the redirect from the authorization endpoint."""
        self.authorization = dict(parse_qsl(urlsplit(url).query))
        return with_changes({"code": "a-code", "state": self.authorization["state"]}, self.response)

    def metadata_document(self) -> dict[str, Any]:
        root = self.issuer.replace("/{tenantid}/", "/organizations/").removesuffix("/")
        valid = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{root}/authorize",
            "token_endpoint": f"{root}/token",
            "jwks_uri": f"{root}/jwks",
            "userinfo_endpoint": f"{root}/userinfo",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "private_key_jwt"],
        }
        return with_changes(valid, self.metadata)

    def id_token(self, access_token: str) -> str:
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": "user-1",
            "aud": CLIENT_ID,
            "iat": NOW,
            "exp": NOW + 300,
            "nonce": self.authorization.get("nonce"),
            "at_hash": b64(hashlib.sha256(access_token.encode()).digest()[:16]),
        }
        if "max_age" in self.authorization:
            claims["auth_time"] = NOW
        header = {"alg": self.key.alg, "kid": self.key.kid, "typ": "JWT"}
        return self.sign(_json(with_changes(header, self.header)), _json(with_changes(claims, self.claims)))

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        name = request.path.rsplit("/", 1)[-1]
        form = {key: str(value) for key, value in (await request.post()).items()}
        self.requests.append((name, form, dict(request.headers)))
        if name in self.hanging:
            await asyncio.Event().wait()
        if name in self.answers:
            return web.Response(**self.answers[name])
        match name:
            case "openid-configuration":
                return web.json_response(self.metadata_document())
            case "jwks":
                return web.json_response({"keys": self.published})
            case "userinfo":
                return web.json_response(with_changes({"sub": "user-1"}, self.userinfo))
            case "token":
                return self._exchange(form)
            case _:
                return web.Response(status=404)

    def _exchange(self, form: dict[str, str]) -> web.Response:
        challenge = b64(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
        if form.get("code") != "a-code" or challenge != self.authorization["code_challenge"]:
            return web.json_response({"error": "invalid_grant"}, status=400)
        valid = {"access_token": "at-1", "token_type": "Bearer", "id_token": self.id_token("at-1")}
        return web.json_response(with_changes(valid, self.tokens))


class RoutedHttp(ProviderHttp):
    """The transport of the service, led to the model for each https address."""

    def __init__(self, model: OidcModel) -> None:
        super().__init__(timeout_seconds=3)
        self._model = model

    async def get(self, url: str, *, max_bytes: int, headers: Mapping[str, str] | None = None) -> FetchedBody:
        return await super().get(self._route(url), max_bytes=max_bytes, headers=headers)

    async def post_form(
        self, url: str, form: Mapping[str, str], *, max_bytes: int, headers: Mapping[str, str] | None = None
    ) -> ProviderResponse:
        return await super().post_form(self._route(url), form, max_bytes=max_bytes, headers=headers)

    def _route(self, url: str) -> str:
        parts = urlsplit(url)
        return url if parts.scheme == "http" else f"{self._model.url}{parts.path}"


class OidcSignIn:
    """Signs the user of the model in. Each call is a sign-in with a provider that has fetched nothing yet."""

    def __init__(self, model: OidcModel) -> None:
        self.model = model
        self.http = RoutedHttp(model)
        self.time = 0.0
        """Of the clock that never goes back, in seconds."""

    def entry(self, **changes: Any) -> OidcProvider:
        issuer = {} if "preset" in changes else {"issuer": self.model.issuer}
        return TypeAdapter(OidcProvider).validate_python(with_changes({**ENTRY, **issuer}, changes))

    def provider(self, **changes: Any) -> OidcIdentityProvider:
        return OidcIdentityProvider(
            self.entry(**changes),
            redirect_uri=REDIRECT_URI,
            fetch=self.http,
            clock=lambda: NOW,
            monotonic=lambda: self.time,
        )

    def pending(self, entry: OidcProvider | None = None, **changes: Any) -> PendingSignIn:
        begun = PendingSignIn(
            state="state-of-this-sign-in",
            provider="corp",
            issuer=profile_of(entry).issuer if entry is not None else self.model.issuer,
            purpose=Purpose.SIGN_IN,
            browser_hash="",
            transaction="",
            subject="",
            nonce="nonce-of-this-sign-in",
            code_verifier=VERIFIER,
            started_at=NOW,
        )
        return dataclasses.replace(begun, **changes)

    async def at(self, provider: OidcIdentityProvider, pending: PendingSignIn | None = None) -> Identity:
        """A sign-in with this provider."""
        begun = pending or self.pending()
        url = await provider.authorization_url(begun, AuthorizationUrlRequest())
        return await provider.identify(begun, self.model.authorize(url))

    async def __call__(self, *, pending: Mapping[str, Any] | None = None, **changes: Any) -> Identity:
        provider = self.provider(**changes)
        try:
            return await self.at(provider, self.pending(self.entry(**changes), **(pending or {})))
        finally:
            await provider.close()


def _json(members: dict[str, Any]) -> bytes:
    return json.dumps(members).encode()
