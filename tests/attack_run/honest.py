"""Honest users beside an attack: what each kind must leave possible."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
from aiohttp import web

from tests.attack_run.requests import authorization, listening
from tests.fuzz.good_requests import good_requests
from tests.fuzz.raw_http import exchange
from tests.fuzz.requests import JSON, Sent
from tests.soak.attack import from_network
from tests.soak.honest import BROWSER_COOKIE
from tests.support.user_agent import UserAgent
from tests.support.vendor_documents import document

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from tests.attack_run.target import Target

HONEST_ADDRESS = "43.7.7.7"
SECONDS = 5.0
"""Far below the patience of a browser."""
CHATGPT = {
    "client_name": "ChatGPT",
    "redirect_uris": ["https://chatgpt.com/connector_platform_oauth_redirect"],
    "grant_types": ["authorization_code", "refresh_token"],
    "response_types": ["code"],
    "token_endpoint_auth_method": "none",
}


@asynccontextmanager
async def honest_user(kind: str, target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """Prepare; the function that acts during the attack says what went wrong, empty for nothing."""
    makers = {
        "register-flood": _registration,
        "authorize-flood": _page,
        "sign-in-flood": _known_browser,
        "slow-names": _document_client,
        "streams": _another_token,
    }
    if kind not in makers:
        yield _nothing
        return
    async with makers[kind](target) as act:
        yield act


async def _nothing() -> str:
    return ""


def _expecting(target: Target, sent: Sent, status: int, what: str) -> Callable[[], Awaitable[str]]:
    data = from_network(sent.as_bytes(), HONEST_ADDRESS)

    async def act() -> str:
        began = time.monotonic()
        try:
            answer = await asyncio.wait_for(exchange(target.ports[sent.service], data), SECONDS)
        except TimeoutError:
            return f"{what} had no answer in {SECONDS:.0f} s"
        taken = time.monotonic() - began
        return "" if answer.status == status else f"{what} was answered {answer.status} after {taken:.1f} s"

    return act


@asynccontextmanager
async def _registration(target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    sent = Sent("auth", "POST", "/register", content_type=JSON, body=json.dumps(CHATGPT).encode())
    yield _expecting(target, sent, 201, "an honest registration")


@asynccontextmanager
async def _page(target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    page = next(sent for sent in await good_requests(target) if sent.path == "/authorize")
    yield _expecting(target, page, 200, "an honest authorization request")


@asynccontextmanager
async def _another_token(target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    good = await good_requests(target)
    target.secrets.add_all(good)
    call = next(sent for sent in good if dict(sent.headers).get("Mcp-Method") == "tools/list")
    data = listening(call).as_bytes()

    async def act() -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.ports["mcp"])
        try:
            writer.write(data)
            status = (await asyncio.wait_for(reader.readline(), SECONDS)).split(b" ")[1]
        except (TimeoutError, OSError, IndexError) as exc:
            return f"a stream of another token: {exc!r}"
        finally:
            writer.transport.abort()
        return "" if status == b"200" else f"a stream of another token was answered {status.decode()}"

    yield act


@asynccontextmanager
async def _known_browser(target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    headers = {"X-Forwarded-For": HONEST_ADDRESS}
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=headers, timeout=timeout) as http:

        async def sign_in(cookies: dict[str, str]) -> tuple[int, dict[str, str]]:
            user = UserAgent(http, username=target.username, password=target.password, cookies=cookies)
            answer = await user.sign_in(await user.get(f"{target.issuer}/sign-in"))
            return answer.status, user.cookies

        status, cookies = await sign_in({})
        assert status == 303, status
        known = {BROWSER_COOKIE: cookies[BROWSER_COOKIE]}
        target.secrets.add("cookie of the owner's browser", known[BROWSER_COOKIE])

        async def act() -> str:
            try:
                status, _ = await sign_in(known)
            except TimeoutError:
                return f"the owner in a known browser was not in after {SECONDS:.0f} s"
            return "" if status == 303 else f"the owner in a known browser was answered {status}"

        yield act


@asynccontextmanager
async def _document_client(target: Target) -> AsyncIterator[Callable[[], Awaitable[str]]]:
    """A client whose metadata document is on this machine."""
    served: dict[str, object] = {}

    async def serve(_request: web.Request) -> web.Response:
        return web.json_response(served)

    app = web.Application()
    app.router.add_get("/client.json", serve)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}/client.json"
        redirect_uri = "http://127.0.0.1:33418/callback"
        served.update(document(url, "Honest", [redirect_uri]))
        sent = authorization(url)
        challenge = ("code_challenge_method", "S256"), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        asked = (*sent.parameters, ("redirect_uri", redirect_uri), *challenge, ("resource", target.resource))
        sent = Sent("auth", "GET", "/authorize", asked)
        yield _expecting(target, sent, 200, "a client with a document of its own")
    finally:
        await runner.cleanup()
