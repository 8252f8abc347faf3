"""The whole auth_service on a real store, and one browser of a person who uses plain forms: for tests of pages."""

import base64
import hashlib
from urllib.parse import parse_qsl, urlsplit

from aiohttp.test_utils import TestClient
from yarl import URL

from auth_service.app import build_service
from auth_service.grants.repository import GrantRepository
from auth_service.settings import AuthSettings
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from devstack.private_file import new_key_encryption_key
from tests.e2e.person import Page
from tests.support.service_server import ServiceServer

RESOURCE = {
    "identifier": "https://notes.example/mcp",
    "name": "Notes",
    "scopes": {
        "notes:read": {"description": "Read your notes"},
        "notes:write": {"description": "Add, change and delete your notes", "implies": ["notes:read"]},
    },
    "default_scopes": ["notes:read"],
}
CALLBACK = "https://client.example/callback"
PASSWORD = "four unrelated words here"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()


class Service:
    """auth_service, answering on a free port."""

    def __init__(self, store, **settings):
        self.settings = AuthSettings(
            resources=[RESOURCE],
            redis_url="redis://unused.example",
            key_encryption_key=(new_key_encryption_key(),),
            **{"issuer": "http://localhost:9", "signing_algorithm": "ES256"} | settings,
        )
        self.store = store
        self.grants = GrantRepository(store)
        self._passwords = PasswordHasher()
        self.users = UserService(UserRepository(store), self._passwords)
        self._server = ServiceServer(build_service(self.settings, store=store), port=0)

    async def __aenter__(self):
        await self._server.start_server()
        self.origin = f"http://localhost:{self._server.port}"
        return self

    async def __aexit__(self, *_exc):
        await self._server.close()
        self._passwords.close()

    def browser(self):
        """A new browser, with cookies of its own."""
        return Browser(self)

    async def register(self, name="Claude Code", redirect_uri=CALLBACK):
        """A client of this name; its id."""
        async with self.browser() as somebody:
            body = {"client_name": name, "redirect_uris": [redirect_uri], "token_endpoint_auth_method": "none"}
            response = await somebody.http.post("/register", json=body)
            return (await response.json())["client_id"]


class Browser:
    """Sends forms as they stand on the page, and follows redirects within the service."""

    def __init__(self, service):
        self._service = service

    async def __aenter__(self):
        self.http = TestClient(self._service._server)
        self.http.session.cookie_jar._unsafe = True
        return self

    async def __aexit__(self, *_exc):
        await self.http.session.close()

    async def get(self, path, **params):
        response = await self.http.get(path, params=params or None)
        return await self._arrived(response)

    async def submit(self, page, form=0, **fields):
        """Send a form of the page, with these fields filled in."""
        found = page.forms[form]
        response = await self.http.post(found.action, data=found.inputs | fields)
        return await self._arrived(response)

    async def sign_in(self, username="ada", password=PASSWORD, **params):
        return await self.submit(await self.get("/sign-in", **params), username=username, password=password)

    async def ask(self, client_id, *, scope="notes:read", redirect_uri=CALLBACK):
        """Arrive with an authorization request, at the sign-in form or at the decision."""
        return await self.get(
            "/authorize",
            client_id=client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            code_challenge=CHALLENGE,
            code_challenge_method="S256",
            scope=scope,
            state="s",
        )

    async def allow(self, client_id, *, redirect_uri=CALLBACK, **asked):
        """Let a client in from start to end, with this browser already signed in; its tokens."""
        page = await self.submit(await self.ask(client_id, redirect_uri=redirect_uri, **asked), decision="approve")
        code = dict(parse_qsl(urlsplit(page.refresh).query))["code"]
        return await self.token(
            grant_type="authorization_code",
            code=code,
            code_verifier=VERIFIER,
            client_id=client_id,
            redirect_uri=redirect_uri,
        )

    async def token(self, **form):
        response = await self.http.post("/token", data=form)
        return {"status": response.status, **await response.json()}

    async def _arrived(self, response):
        text = await response.text()
        page = Page(text)
        page.status, page.text, page.path = response.status, text, URL(response.url).path
        page.headers = response.headers
        return page
