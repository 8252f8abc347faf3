"""The service in front of a stdio server of the test's own."""

import asyncio
import json
import shlex
import sys
from pathlib import Path

import pytest
import pytest_asyncio
from structlog.testing import capture_logs

from mcp_service.app import build_app
from mcp_service.servers.stdio_upstream import backoff, process
from mcp_service.settings import McpSettings
from tests.mcp_service.conftest import LEGACY, RESOURCE, Service, modern, rpc
from tests.support.local_issuer import LocalIssuer, LocalTokenIssuer

PROGRAM = Path(__file__).with_name("stdio_server.py")
WIRES = ["legacy", "2026-07-28"]


def command(*arguments):
    """The command of the test server."""
    return shlex.join([sys.executable, "-I", "-S", str(PROGRAM), *arguments])


def message(wire, method, params=None, *, request_id=1, meta=None):
    """A request of either wire, and its headers."""
    params = params or {}
    if wire == "legacy":
        return rpc(method, {**params, **({"_meta": meta} if meta else {})}, request_id=request_id), LEGACY
    body, headers = modern(method, params, request_id=request_id)
    body["params"]["_meta"] |= meta or {}
    return body, headers


class StdioClient:
    """Calls the service as one user or several."""

    def __init__(self, service):
        self.service = service

    async def post(self, method, params=None, *, wire="2026-07-28", request_id=1, meta=None, headers=None, **claims):
        body, wire_headers = message(wire, method, params, request_id=request_id, meta=meta)
        answer = await self.service.session.post(
            self.service.url,
            json=body,
            headers={**wire_headers, **self.service.auth(**{"scope": "mcp:tools", **claims}), **(headers or {})},
        )
        if answer.content_type != "text/event-stream":
            await answer.read()
        return answer

    async def tool(self, name, arguments=None, **options):
        return await self.post("tools/call", {"name": name, "arguments": arguments or {}}, **options)

    async def text(self, name, arguments=None, **options):
        """The text of a tool's result."""
        answer = await self.tool(name, arguments, **options)
        return (await content(answer))["result"]["content"][0]["text"]

    async def json(self, name, arguments=None, **options):
        return json.loads(await self.text(name, arguments, **options))


async def eventually(look):
    """The first true value that `look` returns, which asks another process."""
    async with asyncio.timeout(20):
        while not (value := await look()):  # noqa: ASYNC110 - there is no event of another process to wait for
            await asyncio.sleep(0.01)
        return value


async def metrics(client):
    """The values of this component, by name and label."""
    async with client.service.session.get(f"{client.service.root}/metrics") as answer:
        lines = [line for line in (await answer.text()).splitlines() if line.startswith("sallyport_upstream_")]
    return {name: float(value) for name, value in (line.split() for line in lines) if "_created" not in name}


async def content(answer):
    """The message of a response: JSON, or the last event of a stream."""
    text = await answer.text()
    if answer.content_type == "text/event-stream":
        return json.loads([line for line in text.splitlines() if line.startswith("data: ")][-1].removeprefix("data: "))
    return json.loads(text)


async def read_event(answer):
    """The next message of an event stream."""
    while True:
        line = await answer.content.readline()
        if not line:
            raise AssertionError("the stream has ended")
        if line.startswith(b"data: "):
            return json.loads(line.removeprefix(b"data: "))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_client(signing_key):
    """A service for all tests of a module, in front of one process."""
    with capture_logs() as entries:
        issuer = LocalIssuer()
        await issuer.publish(signing_key)
        await issuer.start()
        settings = McpSettings(issuer=issuer.url, resource=RESOURCE, port=0, upstream_command=command())
        token_issuer = LocalTokenIssuer(issuer=issuer.url, resource=RESOURCE, key=signing_key)
        service = Service(build_app(settings), issuer, token_issuer, entries)
        await service.start()
        yield StdioClient(service)
        await service.stop()
        await issuer.stop()


@pytest.fixture
def quick_restarts(monkeypatch):
    """A process that failed is started again sooner."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 0.1)


@pytest.fixture
def slow_restarts(monkeypatch):
    """A process that failed is not started again while a test runs."""
    monkeypatch.setattr(backoff, "FIRST_SECONDS", 30)


@pytest.fixture
def quick_ends(monkeypatch):
    """Processes that do not end by themselves are ended sooner."""
    monkeypatch.setattr(process, "STDIN_SECONDS", 0.1)
    monkeypatch.setattr(process, "TERM_SECONDS", 0.1)


@pytest.fixture
async def make_client(make_service):
    """`await make_client("mode", upstream_per="user")`: the service with the command and these settings."""

    async def make(*arguments, **changes):
        settings = {"upstream_command": command(*arguments), **changes}
        return StdioClient(await make_service(**settings))

    return make


@pytest.fixture
async def client(make_client):
    return await make_client()
