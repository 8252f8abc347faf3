"""A server in the place of auth_service that keeps what it received and answers as a test wants."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from multidict import CIMultiDict

ISSUER = "https://auth.example"


class RecordingAuthService:
    """Answers with its metadata and, to every POST, with what is set."""

    def __init__(self) -> None:
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "registration_endpoint": f"{ISSUER}/register",
        }
        self.trusts_the_server = True
        self.is_away = False
        self.instead_of_metadata: Callable[[], web.Response] | None = None
        self.checks = 0
        self.received: list[tuple[str, CIMultiDict[str], bytes]] = []
        self.body: Any = {"access_token": "an-access-token"}
        self.status = 200
        self.headers: dict[str, str] = {}
        self.content_type = "application/json"
        self._arrived = asyncio.Condition()
        self.hold = asyncio.Event()
        self.hold.set()
        app = web.Application()
        app.router.add_get("/.well-known/oauth-authorization-server", self._metadata)
        app.router.add_post("/{path:.*}", self._receive)
        self.server = TestServer(app)

    @property
    def url(self) -> str:
        return str(self.server.make_url("/")).rstrip("/")

    async def until_received(self, requests: int) -> None:
        """Wait until so many requests have arrived."""
        async with asyncio.timeout(10), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= requests)

    async def _metadata(self, request: web.Request) -> web.Response:
        self.checks += 1
        if self.is_away:
            raise web.HTTPServiceUnavailable
        if self.instead_of_metadata is not None:
            return self.instead_of_metadata()
        headers = {"X-Request-Id": request.headers["X-Request-Id"] if self.trusts_the_server else "of-its-own"}
        return web.json_response(self.metadata, headers=headers)

    async def _receive(self, request: web.Request) -> web.Response:
        async with self._arrived:
            self.received.append((request.path_qs, CIMultiDict(request.headers), await request.read()))
            self._arrived.notify_all()
        await self.hold.wait()
        text = self.body if isinstance(self.body, str) else web.json_response(self.body).text
        return web.Response(text=text, status=self.status, headers=self.headers, content_type=self.content_type)


@pytest.fixture
async def auth_service():
    recording = RecordingAuthService()
    await recording.server.start_server()
    yield recording
    recording.hold.set()
    await recording.server.close()


class SteppedClock:
    """A monotonic clock that a test moves forward."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def monotonic():
    return SteppedClock()


@pytest.fixture
def start_forwarding(make_service, issuer, auth_service, monotonic):
    """Start mcp_service with forwarding to the recording server; keyword arguments are settings."""

    async def start(**changes):
        settings = {
            "issuer": ISSUER,
            "resource": "https://tools.example/mcp",
            "jwks_url": f"{issuer.url}/.well-known/jwks.json",
            "forward_oauth_to": auth_service.url,
            "trusted_proxies": ("127.0.0.0/8",),
        }
        return await make_service(clocks={"monotonic": monotonic}, **(settings | changes))

    return start


@pytest.fixture
async def forwarding(start_forwarding):
    return await start_forwarding()
