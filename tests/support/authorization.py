"""The whole authorization server over HTTP on a real store, the person at its pages, and clients of every kind."""

import base64
import hashlib
import json
import secrets
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

import aiohttp
import argon2
from aiohttp.test_utils import TestServer
from structlog.testing import capture_logs

from auth_service.grants.repository import GrantRepository
from auth_service.settings import AuthSettings
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from shared.http.serve import MAX_HEADER_BYTES
from tests.e2e.person import Page

ISSUER = "https://auth.example"
NOTES = "https://mcp.example/mcp"
FILES = "https://files.example/mcp"
USERNAME, PASSWORD = "ada", "violet anchor mossy tram"
HOSTED = "https://client.example/callback"
LOOPBACK = "http://127.0.0.1:33418/callback"
CHEAP = argon2.Parameters(
    type=argon2.Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=64, parallelism=1
)
"""The tests sign in hundreds of times; what the real parameters are is tested where they live."""

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


def settings(**changes):
    """Settings of a server that is reached over https; `changes` as environment values, without the prefix."""
    values = {
        "ISSUER": ISSUER,
        "RESOURCES": json.dumps(RESOURCES),
        "REDIS_URL": "unix:///given-by-the-fixture",
        "KEY_ENCRYPTION_KEY": base64.urlsafe_b64encode(hashlib.sha256(b"a key").digest()).decode(),
        "SIGNING_ALGORITHM": "ES256",  # made in a millisecond
    } | changes
    return AuthSettings.from_environment({f"AUTH_{name}": str(value) for name, value in values.items()})


class Clock:
    """The server's clock: real time, moved forward by the test."""

    def __init__(self, now):
        self._now = now
        self.ahead = 0.0

    def __call__(self):
        return self._now() + self.ahead


@dataclass
class Answer:
    """One answer, read to its end."""

    status: int
    headers: object
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def page(self):
        return Page(self.text)


@dataclass
class Client:
    """What a client remembers of its registration."""

    client_id: str
    redirect_uri: str
    secret: str | None = None
    method: str = "none"

    def credentials(self):
        """Headers and form parameters by which it authenticates."""
        if self.method == "client_secret_basic":
            return {"Authorization": basic(self.client_id, self.secret)}, {}
        if self.method == "client_secret_post":
            return {}, {"client_id": self.client_id, "client_secret": self.secret}
        return {}, {"client_id": self.client_id}


@dataclass
class Code:
    """An authorization response, and the verifier that goes with it."""

    parameters: dict
    verifier: str
    client: Client

    @property
    def value(self):
        return self.parameters["code"]

    def form(self, **changes):
        """The token request for this code."""
        values = {
            "grant_type": "authorization_code",
            "code": self.value,
            "redirect_uri": self.client.redirect_uri,
            "code_verifier": self.verifier,
        }
        return {name: value for name, value in (values | changes).items() if value is not None}


@dataclass
class Person:
    """A browser: cookies, forms, and redirects that are followed only when asked to."""

    auth: "AuthServer"
    cookies: dict = field(default_factory=dict)

    async def get(self, path, **kwargs):
        return await self._send("GET", path, **kwargs)

    async def post(self, path, form, **kwargs):
        return await self._send("POST", path, data=form, **kwargs)

    async def follow(self, answer):
        """Go where a redirect points, within the server."""
        assert answer.status == 303, answer.text
        return await self.get(answer.headers["Location"])

    async def arrive(self, client, **changes):
        """Begin an authorization; answers the first page."""
        return await self.follow(await self.get(self.auth.authorization(client, **changes)[0]))

    async def submit(self, page, **values):
        """Fill in and send the one form of a page."""
        form = page.page.forms[0]
        return await self.post(form.action, form.inputs | values)

    async def sign_in(self, page, username=USERNAME, password=PASSWORD):
        """Sign in on the page; answers what follows."""
        return await self.submit(page, username=username, password=password)

    async def consent_page(self, client, **changes):
        """Go as far as the decision."""
        page = await self.arrive(client, **changes)
        if "password" in page.page.forms[0].inputs:
            page = await self.follow(await self.sign_in(page))
        assert ("decision", "approve") in page.page.forms[0].buttons, page.text
        return page

    async def decide(self, page, decision="approve"):
        """Answers the parameters with which the browser is sent back to the client."""
        answer = await self.submit(page, decision=decision)
        assert answer.status == 200, answer.text
        return redirect_parameters(answer.page.refresh)

    async def _send(self, method, path, *, headers=None, **kwargs):
        cookies = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {"Cookie": cookies} if cookies else {}
        answer = await self.auth.request(method, path, headers=sent | (headers or {}), **kwargs)
        for text in answer.headers.getall("Set-Cookie", ()):
            for name, morsel in SimpleCookie(text).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer


class AuthServer:
    """The running service. Use as an async context manager."""

    def __init__(self, build, store, chosen, now):
        self.store = store
        self.settings = chosen
        self.clock = Clock(now)
        self.users = UserService(UserRepository(store), PasswordHasher(parameters=CHEAP))
        self.grants = GrantRepository(store)
        self.logs = []
        self._service = build(chosen, store=store, clock=self.clock)
        self._capture = capture_logs()

    async def __aenter__(self):
        self.logs = self._capture.__enter__()
        self.server = TestServer(self._service)
        # TestServer cancels handlers whose caller left, as shared.http.serve does.
        await self.server.start_server(max_field_size=MAX_HEADER_BYTES, max_line_size=MAX_HEADER_BYTES)
        self.http = aiohttp.ClientSession(
            self.server.make_url("/"),
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=30),
        )
        return self

    async def __aexit__(self, *exc):
        await self.http.close()
        await self.server.close()
        self._capture.__exit__(*exc)

    @property
    def issuer(self):
        return self.settings.issuer

    @property
    def base(self):
        return self.settings.base_path

    async def request(self, method, path, **kwargs):
        async with self.http.request(method, path, allow_redirects=False, **kwargs) as response:
            return Answer(response.status, response.headers, await response.read())

    async def get(self, path, **kwargs):
        return await self.request("GET", path, **kwargs)

    async def post(self, path, form, **kwargs):
        """Send a form; the path is below the issuer's."""
        return await self.request("POST", self.base + path, data=form, **kwargs)

    async def register(self, *redirect_uris, method="none", **metadata):
        """Register a client dynamically."""
        wanted = {"redirect_uris": list(redirect_uris or [LOOPBACK]), "token_endpoint_auth_method": method} | metadata
        answer = await self.request("POST", f"{self.base}/register", json=wanted)
        assert answer.status == 201, answer.text
        got = answer.json
        return Client(got["client_id"], got["redirect_uris"][0], got.get("client_secret"), method)

    def person(self):
        return Person(self)

    def authorization(self, client, /, **changes):
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

    async def code(self, client, person=None, **changes):
        """Sign in, approve, and come back with a code."""
        person = person or self.person()
        url, verifier = self.authorization(client, **changes)
        page = await person.follow(await person.get(url))
        if "password" in page.page.forms[0].inputs:
            page = await person.follow(await person.sign_in(page))
        return Code(await person.decide(page), verifier, client)

    async def token(self, client, form, **kwargs):
        """A token request with the client's own credentials."""
        headers, credentials = client.credentials()
        return await self.post("/token", credentials | form, headers=headers, **kwargs)

    async def redeem(self, code, /, **changes):
        return await self.token(code.client, code.form(**changes))

    async def refresh(self, client, refresh_token, **parameters):
        return await self.token(client, {"grant_type": "refresh_token", "refresh_token": refresh_token} | parameters)

    async def tokens(self, client, person=None, **changes):
        """The whole code flow; answers the token response."""
        answer = await self.redeem(await self.code(client, person, **changes))
        assert answer.status == 200, answer.text
        return answer.json

    async def introspect(self, caller, token):
        headers, credentials = caller.credentials()
        return await self.post("/token/introspect", credentials | {"token": token}, headers=headers)

    async def revoke(self, caller, token):
        headers, credentials = caller.credentials()
        return await self.post("/token/revoke", credentials | {"token": token}, headers=headers)

    def log_of(self, request_id):
        """The one log line of the request that was answered with this request ID."""
        lines = [line for line in self.logs if line.get("request_id") == request_id and line["event"] == "request"]
        assert len(lines) == 1
        return lines[0]


def challenge(verifier):
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def basic(client_id, secret):
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def redirect_parameters(location):
    """The parameters of an authorization response, each at most once."""
    pairs = parse_qsl(urlsplit(location).query, keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs), "a parameter is repeated"
    return dict(pairs)


def claims_of(token):
    """The payload of a JWT, unverified."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))


def header_of(token):
    header = token.split(".")[0]
    return json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
