"""auth_service in this process, over HTTP on a real store, and clients of every kind."""

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlencode

import aiohttp
import argon2
from aiohttp import web
from structlog.testing import capture_logs

from auth_service.grants.repository import GrantRepository
from auth_service.settings import AuthSettings
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.redis.client import RedisClient
from tests.support.grant_material import age_grant
from tests.support.oauth import basic, challenge
from tests.support.service_server import ServiceServer
from tests.support.user_agent import Answer, UserAgent

ISSUER = "https://auth.example"
NOTES = "https://mcp.example/mcp"
FILES = "https://files.example/mcp"
USERNAME, PASSWORD = "ada", "violet anchor mossy tram"
HOSTED = "https://client.example/callback"
LOOPBACK = "http://127.0.0.1:33418/callback"
CHEAP = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1
)
"""The tests sign in hundreds of times. The tests of the real parameters are those of users/passwords.py."""

RESOURCES = [
    {
        "identifier": NOTES,
        "name": "Notes",
        "scopes": {
            "notes:read": {"description": "Read your notes"},
            "notes:write": {"description": "Write notes", "implies": ["notes:read"]},
        },
        "default_scopes": ["notes:read"],
    },
    {
        "identifier": FILES,
        "name": "Files",
        "scopes": {"files:read": {"description": "Read files"}},
        "default_scopes": ["files:read"],
    },
]


def settings(**changes: object) -> AuthSettings:
    """Settings of a server that is reached over https; `changes` as environment values, without the prefix."""
    values = {
        "ISSUER": ISSUER,
        "RESOURCES": json.dumps(RESOURCES),
        "REDIS_URL": "unix:///given-by-the-fixture",
        "KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(hashlib.sha256(b"a key").digest()).decode(),
        "SIGNING_ALGORITHM": "ES256",  # made in a millisecond
        "SCOPE_CHECK": "off",  # the resources have invented addresses
    } | changes
    return AuthSettings.from_environment({f"AUTH_{name}": str(value) for name, value in values.items()})


class Clock:
    """A clock of the server: real time, moved forward by the test."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.ahead = 0.0

    def __call__(self) -> float:
        return self._now() + self.ahead


@dataclass
class Client:
    """A client, as it remembers its registration."""

    client_id: str
    redirect_uri: str
    secret: str | None = None
    method: str = "none"

    def credentials(self) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and form parameters by which it authenticates."""
        if self.method == "client_secret_basic":
            assert self.secret is not None
            return {"Authorization": basic(self.client_id, self.secret)}, {}
        if self.method == "client_secret_post":
            assert self.secret is not None
            return {}, {"client_id": self.client_id, "client_secret": self.secret}
        return {}, {"client_id": self.client_id}


@dataclass
class Code:
    """An authorization response, and the verifier that goes with it."""

    parameters: dict[str, str]
    verifier: str
    client: Client

    @property
    def value(self) -> str:
        return self.parameters["code"]

    def form(self, **changes: str | None) -> dict[str, str]:
        """The token request for this code."""
        values = {
            "grant_type": "authorization_code",
            "code": self.value,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": self.verifier,
        }
        return {name: value for name, value in (values | changes).items() if value is not None}


class AuthServer:
    """The running service. Use as an async context manager."""

    def __init__(
        self,
        build: Callable[..., web.Application],
        store: RedisClient,
        chosen: AuthSettings,
        now: Callable[[], float],
        *,
        ahead: float = 0.0,
    ) -> None:
        """`ahead` are the seconds that its clock is ahead, also while it is built."""
        self.store = store
        self.settings = chosen
        self.clock = Clock(now)
        self.clock.ahead = ahead
        self.monotonic = Clock(time.monotonic)
        self.users = UserService(UserRepository(store), PasswordHasher(parameters=CHEAP))
        self.grants = GrantRepository(store)
        self.logs: list[MutableMapping[str, Any]] = []
        self._service = build(chosen, store=store, clock=self.clock, monotonic=self.monotonic)
        self._capture = capture_logs()

    async def __aenter__(self) -> Self:
        self.logs = self._capture.__enter__()
        self.server = ServiceServer(self._service)
        await self.server.start_server()
        self.http = aiohttp.ClientSession(
            self.server.make_url("/"),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.http.close()
        await self.stop()
        self._capture.__exit__(*exc)  # type: ignore[arg-type]  # the exception, passed on

    async def stop(self) -> None:
        """Stop the service; what it does at its end is done then."""
        await self.server.close()

    @property
    def issuer(self) -> str:
        return self.settings.issuer

    @property
    def base(self) -> str:
        return self.settings.base_path

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self.http.request(method, path, allow_redirects=False, **options) as response:
            return await Answer.read(response)

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.request("GET", path, **options)

    async def post(self, path: str, form: Mapping[str, object], **options: Any) -> Answer:
        """Send a form; the path is below the issuer's."""
        return await self.request("POST", self.base + path, data=form, **options)

    async def register(self, *redirect_uris: str, method: str = "none", **metadata: object) -> Client:
        """Register a client dynamically."""
        wanted = {"redirect_uris": list(redirect_uris or [LOOPBACK]), "token_endpoint_auth_method": method} | metadata
        answer = await self.request("POST", f"{self.base}/register", json=wanted)
        assert answer.status == 201, answer.text
        got = answer.json
        return Client(got["client_id"], got["redirect_uris"][0], got.get("client_secret"), method)

    def user_agent(self, cookies: Mapping[str, str] | None = None) -> UserAgent:
        """A new browser in front of the server."""
        base = self.server.make_url("/")
        return UserAgent(self.http, username=USERNAME, password=PASSWORD, base=base, cookies=cookies)

    def authorize_url(self, client: Client, /, **changes: object) -> str:
        """The address of an authorization request. A change to None leaves the parameter out."""
        return self.authorization(client, **changes)[0]

    def authorization(self, client: Client, /, **changes: object) -> tuple[str, str]:
        """The address of an authorization request, and the verifier of its challenge."""
        verifier = secrets.token_urlsafe(32)
        values = {
            "response_type": "code",
            "client_id": client.client_id,
            "redirect_uri": client.redirect_uri,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
            "state": "the-state",
            "scope": "notes:read",
            "resource": NOTES,
        } | changes
        kept = {name: value for name, value in values.items() if value is not None}
        return f"{self.base}/authorize?{urlencode(kept, doseq=True)}", verifier

    async def code(self, client: Client, user: UserAgent | None = None, **changes: object) -> Code:
        """Sign in, approve, and come back with a code."""
        user = user or self.user_agent()
        url, verifier = self.authorization(client, **changes)
        return Code(await user.decide(await user.consent_page(url)), verifier, client)

    async def token(self, client: Client, form: Mapping[str, object], **options: Any) -> Answer:
        """A token request with the client's own credentials."""
        headers, credentials = client.credentials()
        return await self.post("/token", {**credentials, **form}, headers=headers, **options)

    async def redeem(self, code: Code, /, **changes: str | None) -> Answer:
        return await self.token(code.client, code.form(**changes))

    async def refresh(self, client: Client, refresh_token: str, **parameters: object) -> Answer:
        return await self.token(client, {"grant_type": "refresh_token", "refresh_token": refresh_token, **parameters})

    async def tokens(self, client: Client, user: UserAgent | None = None, **changes: object) -> dict[str, Any]:
        """The whole code flow; the token response."""
        answer = await self.redeem(await self.code(client, user, **changes))
        assert answer.status == 200, answer.text
        response: dict[str, Any] = answer.json
        return response

    async def introspect(self, caller: Client, token: str) -> Answer:
        headers, credentials = caller.credentials()
        return await self.post("/token/introspect", credentials | {"token": token}, headers=headers)

    async def revoke(self, caller: Client, token: str) -> Answer:
        headers, credentials = caller.credentials()
        return await self.post("/token/revoke", credentials | {"token": token}, headers=headers)

    async def age_grant(self, grant_id: str, seconds: float) -> None:
        """Make everything that happened to a grant so many seconds older."""
        await age_grant(self.store, grant_id, seconds)

    def log_of(self, request_id: str) -> MutableMapping[str, Any]:
        """The one log line of the request that was answered with this request ID."""
        lines = [line for line in self.logs if line.get("request_id") == request_id and line["event"] == "request"]
        assert len(lines) == 1
        return lines[0]
