"""Secrets that must never be printed, and functions that fail while their local variables hold them."""

import asyncio
import secrets
from dataclasses import dataclass

from shared.background import TaskSupervisor
from tests.support.authorization import basic

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
    nested: dict


def fail_with_secrets(*_held):
    """Raise an exception that carries nothing, from below frames whose variables hold every canary."""
    password, refresh_token, access_token, client_secret, code, cookie, key = CANARIES.values()
    form = {"password": password, "refresh_token": [refresh_token], "inner": {"code": code, "bytes": key.encode()}}
    held = Secrets(password, {"client_secret": client_secret, "form": form})

    def deeper(cookie, held):
        if f"Bearer {access_token}" not in (cookie, held):
            raise RuntimeError

    deeper(cookie, held)


async def failing_handler(request):
    """A handler that has read the whole request before it fails."""
    form = dict(await request.post()) if request.can_read_body else {}
    headers, cookies = dict(request.headers), dict(request.cookies)
    fail_with_secrets(form, headers, cookies)


def fail_every_task(monkeypatch):
    """Replace each background task; answers an event at which they fail, and the names of those that were started."""
    now, names, start = asyncio.Event(), set(), TaskSupervisor.start

    async def fail():
        state = dict(CANARIES)
        await now.wait()
        fail_with_secrets(state)

    def start_failing(self, name, _loop):
        names.add(name)
        return start(self, name, fail)

    monkeypatch.setattr(TaskSupervisor, "start", start_failing)
    return now, names


def fail_every_route(app):
    """Let each route of the application fail; answers the method and path of each."""
    routes = []
    for route in app.router.routes():
        route._handler = failing_handler
        method = "POST" if route.method == "*" else route.method
        routes.append((method, route.resource.canonical))
    return routes


def request_with_secrets(method):
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


def leaked(output, kept=CANARIES):
    """The kinds of secret that the output holds."""
    return {kind for kind, secret in kept.items() if secret in output}
