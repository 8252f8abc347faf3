"""mcp_service as an application over real HTTP, with an issuer of the test's own."""

import sys
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web
from structlog.testing import capture_logs

from mcp_service.app import KEYS, STATUS_LISTS, build_app
from mcp_service.settings import McpSettings
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer, new_key
from tests.support.local_list_server import LocalListServer
from tests.support.local_status_lists import LocalStatusLists
from tests.support.service_server import ServiceServer

RESOURCE = "http://localhost:9001/mcp"

MODERN = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2026-07-28",
}
LEGACY = {
    "Accept": "application/json, text/event-stream",
    "MCP-Protocol-Version": "2025-11-25",
}


@pytest.fixture(autouse=True)
def servers_of_their_own():
    """Each test imports the server of mixed access anew: a service adds its list middleware to the object."""
    yield
    sys.modules.pop("tests.mcp_service.mixed_server", None)


def rpc(method, params=None, *, request_id=1):
    """A message of the older wire."""
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}


def modern(method, params=None, *, request_id=1, client="test"):
    """A message of 2026-07-28, and the headers that must go with it."""
    meta = {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": client, "version": "1"},
    }
    body = rpc(method, {**(params or {}), "_meta": meta}, request_id=request_id)
    headers = {**MODERN, "Mcp-Method": method}
    name = (params or {}).get("name") or (params or {}).get("uri")
    if name is not None and method in {"tools/call", "prompts/get", "resources/read"}:
        headers["Mcp-Name"] = name
    return body, headers


class Service:
    """The running application and what a test needs to talk to it."""

    def __init__(self, app: web.Application, issuer: LocalIssuer, token_issuer: LocalTokenIssuer, logs) -> None:
        self.app = app
        self.issuer = issuer
        self.token_issuer = token_issuer
        self.logs = logs
        self.keys = app[KEYS]
        self.status_lists = app[STATUS_LISTS]
        self._server = ServiceServer(app)
        self.session: aiohttp.ClientSession | None = None

    async def start(self):
        await self._server.start_server()
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self.port = self._server.port
        self.root = str(self._server.make_url("/")).rstrip("/")
        self.url = f"{self.root}/mcp"

    async def stop(self):
        if self.session is not None:
            await self.session.close()
        await self._server.close()

    def auth(self, token=None, **claims):
        return {"Authorization": f"Bearer {token or self.token_issuer.issue(**claims)}"}

    async def call(self, tool, arguments=None, *, token=None, headers=None, **claims):
        """A modern tool call with a good token, or with the one given."""
        body, wire = modern("tools/call", {"name": tool, "arguments": arguments or {}})
        return await self.session.post(
            self.url, json=body, headers={**wire, **self.auth(token, **claims), **(headers or {})}
        )

    def errors(self):
        """The log lines of requests that were answered with an error."""
        return [entry for entry in self.logs if entry.get("event") == "request" and "error_id" in entry]


async def listen(service, token):
    """An open stream that only listens."""
    body, headers = modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    answer = await service.session.post(service.url, json=body, headers={**headers, **service.auth(token)})
    assert answer.content_type == "text/event-stream"
    assert b"acknowledged" in await answer.content.readany()
    return answer


@pytest.fixture(scope="session")
def signing_key():
    return new_key()


@pytest.fixture
async def issuer(signing_key):
    local = LocalIssuer()
    await local.publish(signing_key)
    await local.start()
    yield local
    await local.stop()


@pytest.fixture
async def lists(issuer, signing_key):
    """The status lists of the issuer, which it advertises; one is there."""
    local = LocalStatusLists(signing_key)
    issuer.advertise(local)
    await local.put("a")
    return local


@pytest.fixture
async def list_server(issuer, signing_key):
    """Another origin, where the issuer has lists by their addresses; one is there."""
    local = LocalListServer(signing_key, issuer.url)
    await local.start()
    local.publish()
    yield local
    await local.stop()


@pytest.fixture
async def make_service(issuer, signing_key, log_entries):
    """Start a service: `await make_service(jwks_cooldown=0.1)`; keyword arguments are settings."""
    services = []

    async def make(*, clocks=None, **changes):
        settings = McpSettings(
            **{"issuer": issuer.url, "resource": RESOURCE, "port": 0, **changes},
        )
        token_issuer = LocalTokenIssuer(issuer=settings.issuer, resource=settings.resource, key=signing_key)
        service = Service(build_app(settings, **(clocks or {})), issuer, token_issuer, log_entries)
        services.append(service)
        await service.start()
        return service

    yield make
    for service in services:
        await service.stop()


@pytest.fixture
async def service(make_service):
    """The service with the notes example and the usual settings."""
    return await make_service()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_service(signing_key):
    """One service for all tests of a module that only look."""
    with capture_logs() as entries:
        local = LocalIssuer()
        await local.publish(signing_key)
        await local.start()
        chosen: dict[str, Any] = {"issuer": local.url, "resource": RESOURCE, "port": 0}
        settings = McpSettings(**chosen)
        token_issuer = LocalTokenIssuer(issuer=local.url, resource=RESOURCE, key=signing_key)
        running = Service(build_app(settings), local, token_issuer, entries)
        await running.start()
        yield running
        await running.stop()
        await local.stop()


@pytest.fixture
def log_entries():
    """What is logged through structlog, as dictionaries."""
    with capture_logs() as entries:
        yield entries
