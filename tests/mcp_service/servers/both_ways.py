"""One server of the SDK, called directly and by its ASGI application, over real HTTP and without a guard."""

import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from aiohttp import web

from mcp_service.guard.bearer import AuthorizedRequest
from mcp_service.guard.operation import ScopeRules, read_operation
from mcp_service.guard.scope_map import TOKEN_ONLY
from mcp_service.servers.in_process import InProcessServer
from mcp_service.servers.list_policy import ListPolicy
from mcp_service.servers.protected_server import AdmittedRequest
from mcp_service.servers.sdk_server import sdk_application
from shared.http.request_middleware import REQUEST_ID
from tests.mcp_service.conftest import LEGACY, modern, rpc
from tests.mcp_service.servers.every_answer import SEEN
from tests.support.service_server import ServiceServer
from tests.support.supervisor import new_supervisor

MODERN_WIRE, OLDER_WIRE = "2026-07-28", "2025-11-25"
WIRES = (MODERN_WIRE, OLDER_WIRE)
_FORM_HEADERS = ("Cache-Control", "X-Accel-Buffering", "Mcp-Session-Id")


@dataclass(frozen=True)
class Answer:
    """What a client gets."""

    status: int
    content_type: str
    messages: list[Any]
    headers: dict[str, str]
    body: bytes


class BothWays:
    """Sends one request both ways."""

    def __init__(self, url, session, direct, seen_afterwards):
        self.url = url
        self._session = session
        self._direct = direct
        self.was_direct = None
        self.seen_afterwards = seen_afterwards
        """For each request, what the context variable of a tool was in the task of the request."""

    async def directly(self, body, headers):
        """The answer of `DirectCalls`; `was_direct` says afterwards whether it was one."""
        answer = await self._post("direct", body, headers)
        self.was_direct = self._direct.pop()
        return answer

    async def by_application(self, body, headers):
        """The answer of the ASGI application."""
        return await self._post("application", body, headers)

    async def _post(self, way, body, headers):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **headers}
        async with self._session.post(f"{self.url}/{way}/mcp", data=data, headers=sent) as answer:
            raw = await answer.read()
            found = {name: answer.headers[name] for name in _FORM_HEADERS if name in answer.headers}
            return Answer(answer.status, answer.content_type, _messages(answer.content_type, raw), found, raw)


@asynccontextmanager
async def both_ways(server, *, json_response=False, stateful=False):
    """Run it."""
    rules = ScopeRules(TOKEN_ONLY)
    lists = ListPolicy(rules, filters=False, undeclared=None)
    application, direct_calls = sdk_application(
        server, lists=lists, stateful=stateful, json_response=json_response, max_body_bytes=1 << 20
    )
    outcomes: list[bool] = []
    seen_afterwards: list[str] = []

    async def answer_and_note(*arguments):
        answered = await direct_calls.answer(*arguments)
        outcomes.append(answered is not None)
        return answered

    ways = {
        "direct": InProcessServer(application, rules=rules, stateful=stateful, direct=answer_and_note),
        "application": InProcessServer(application, rules=rules, stateful=stateful),
    }

    async def handle(request):
        request[REQUEST_ID] = "request-id"
        body = await request.read()
        operation = read_operation(body, request.headers)
        admitted = AdmittedRequest(AuthorizedRequest(None, operation, body), None, None)
        response = await ways[request.match_info["way"]].respond(request, admitted)
        seen_afterwards.append(SEEN.get())
        return response

    app = web.Application()
    app.router.add_post("/{way}/mcp", handle)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(application.lifespan(new_supervisor()))
        http = ServiceServer(app)
        await http.start_server()
        stack.push_async_callback(http.close)
        session = await stack.enter_async_context(aiohttp.ClientSession())
        yield BothWays(str(http.make_url("/")).rstrip("/"), session, outcomes, seen_afterwards)


def message(wire, method, params=None, *, request_id=1):
    """The body and the headers of a request on that wire."""
    if wire == MODERN_WIRE:
        return modern(method, params, request_id=request_id)
    return rpc(method, params, request_id=request_id), dict(LEGACY)


def _messages(content_type, raw):
    if content_type == "text/event-stream":
        events = [event for event in raw.decode().split("\r\n\r\n") if event and not event.startswith(":")]
        assert all(event.startswith("event: message\r\ndata: {") for event in events), events
        return [json.loads(event.partition("data: ")[2]) for event in events]
    return [json.loads(raw)] if content_type == "application/json" and raw else [raw.decode()]
