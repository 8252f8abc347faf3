"""Secrets that must never be printed, and functions that fail while their local variables hold them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.background import TaskSupervisor, end_tasks
from shared.http.prepared_documents import PREPARED_DOCUMENTS
from tests.support.oauth import basic

if TYPE_CHECKING:
    import pytest
    from aiohttp import web

KINDS = (
    "password",
    "refresh-token",
    "access-token",
    "client-secret",
    "authorization-code",
    "session-cookie",
    "key-encryption-key",
)
CANARIES = {kind: f"canary-{kind}-{secrets.token_hex(8)}" for kind in KINDS}


@dataclass
class Secrets:
    """An object whose representation gives everything away."""

    password: str
    nested: dict[str, object]


def fail_with_secrets(*_held: object) -> None:
    """Raise an exception that carries nothing, from below frames whose variables hold every canary."""
    password, refresh_token, access_token, client_secret, code, cookie, key = CANARIES.values()
    form = {"password": password, "refresh_token": [refresh_token], "inner": {"code": code, "bytes": key.encode()}}
    held = Secrets(password, {"client_secret": client_secret, "form": form})

    def deeper(cookie: str, held: Secrets) -> None:
        if f"Bearer {access_token}" not in (cookie, held):
            raise RuntimeError

    deeper(cookie, held)


async def failing_handler(request: web.Request) -> web.StreamResponse:
    """A handler that has read the whole request before it fails."""
    form = dict(await request.post()) if request.can_read_body else {}
    headers, cookies = dict(request.headers), dict(request.cookies)
    fail_with_secrets(form, headers, cookies)
    raise AssertionError("unreachable")


def fail_every_task(
    monkeypatch: pytest.MonkeyPatch, *, run_until_then: frozenset[str] = frozenset()
) -> tuple[asyncio.Event, set[str]]:
    """Replace each background task; answers an event at which they fail, and the names of those that were started.

    The tasks named `run_until_then` run until they fail: the service does not start without them.
    """
    now, start = asyncio.Event(), TaskSupervisor.start
    names: set[str] = set()

    def start_failing(
        self: TaskSupervisor, name: str, loop: Callable[[], Coroutine[Any, Any, None]]
    ) -> asyncio.Task[None]:
        async def fail() -> None:
            state = dict(CANARIES)
            running = [asyncio.create_task(loop())] if name in run_until_then else []
            try:
                await now.wait()
            finally:
                await end_tasks(running)
            fail_with_secrets(state)

        names.add(name)
        return start(self, name, fail)

    monkeypatch.setattr(TaskSupervisor, "start", start_failing)
    return now, names


def fail_every_route(app: web.Application) -> list[tuple[str, str]]:
    """Let each route of the application fail; answers the method and path of each.

    The routes of prepared documents answer too, which otherwise only see what is not plain.
    """
    app[PREPARED_DOCUMENTS].paths = frozenset()
    routes = []
    for route in app.router.routes():
        route._handler = failing_handler
        assert route.resource is not None
        method = "POST" if route.method == "*" else route.method
        routes.append((method, route.resource.canonical))
    return routes


def request_with_secrets(method: str) -> dict[str, Any]:
    """Options of a request that holds a canary wherever requests hold secrets."""
    return {
        "headers": {
            "Cookie": f"sallyport-session={CANARIES['session-cookie']}",
            "Authorization": f"Bearer {CANARIES['access-token']}"
            if method == "GET"
            else basic("client", CANARIES["client-secret"]),
        },
        "data": None if method in {"GET", "HEAD"} else dict(CANARIES),
    }


def leaked(output: str, kept: Mapping[str, str] = CANARIES) -> set[str]:
    """The kinds of secret that the output holds."""
    return {kind for kind, secret in kept.items() if secret in output}
