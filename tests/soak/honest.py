"""Honest traffic beside an attack: clients that call and refresh, owners that sign in. Failures are counted."""

from __future__ import annotations

import asyncio
import itertools
import time
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Self

import aiohttp
from yarl import URL

from tests.fuzz.good_requests import CHALLENGE
from tests.soak.figures import Honest, Tries
from tests.support.plain_client import REDIRECT_URI, PlainClient
from tests.support.user_agent import UserAgent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from tests.e2e.pair import Pair

CLIENTS = 8
CALLS_PER_TOKEN = 5
PAUSE_SECONDS = 0.15
OWNERS = ("olga", "omar")
OWNER_PAUSE_SECONDS = 3.0
BROWSER_COOKIE = "sallyport-browser"
PATIENCE_SECONDS = 30


def password(username: str) -> str:
    """The password of a user whom `add_owner` has added."""
    return f"quiet lanterns of {username}"


@asynccontextmanager
async def browser(username: str, address: str, *, cookies: Mapping[str, str] | None = None) -> AsyncIterator[UserAgent]:
    """A user behind the trusted proxy, at this address."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
    headers = {"X-Forwarded-For": address}
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar(), headers=headers, timeout=timeout) as http:
        yield UserAgent(http, username=username, password=password(username), cookies=cookies)


async def add_owner(pair: Pair, username: str) -> None:
    """A user who can sign in from a `browser`."""
    await pair.add_user(username, password(username))


class HonestTraffic:
    """An async context manager. `met` is the current phase; replace it to begin another."""

    def __init__(self, pair: Pair) -> None:
        self.met = Honest()
        self.authorization_url = ""
        self._pair = pair
        self._stack = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._new_networks = itertools.count()

    async def __aenter__(self) -> Self:
        for name in OWNERS:
            await add_owner(self._pair, name)
        known: dict[str, dict[str, str]] = {}
        clients = [await self._stack.enter_async_context(PlainClient(self._pair)) for _ in range(CLIENTS)]
        for number, client in enumerate(clients):
            client.http.headers["X-Forwarded-For"] = f"203.0.113.{number + 1}"
            name = OWNERS[number % len(OWNERS)]
            async with browser(name, _home(number % len(OWNERS)), cookies=known.get(name)) as user:
                tokens = await client.tokens(user)
                known[name] = {BROWSER_COOKIE: user.cookies[BROWSER_COOKIE]}
            self._tasks.append(asyncio.create_task(self._call_and_refresh(client, tokens)))
        self.authorization_url = self._url_for(clients[0].client_id)
        for number, name in enumerate(OWNERS):
            self._tasks.append(asyncio.create_task(self._sign_in_known(name, _home(number), known[name])))
            self._tasks.append(asyncio.create_task(self._sign_in_new(name)))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._stopping.set()
        await asyncio.gather(*self._tasks)
        await self._stack.aclose()

    def _url_for(self, client_id: str) -> str:
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": REDIRECT_URI,
            "state": "s",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
            "scope": "notes:read",
            "resource": self._pair.resource,
        }
        return str(URL(f"{self._pair.issuer}/authorize").with_query(query))

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _call_and_refresh(self, client: PlainClient, tokens: dict[str, str]) -> None:
        while not self._stopping.is_set():
            for _ in range(CALLS_PER_TOKEN):
                await self._call(client, tokens["access_token"])
                await self._pause(PAUSE_SECONDS)
            tokens = await self._refresh(client, tokens)

    async def _call(self, client: PlainClient, token: str) -> None:
        tries, began = self.met.calls, time.monotonic()
        try:
            status, _, answer = await client.call_tool(token)
            problem = "" if status == 200 and "result" in answer else f"{status} {answer}"
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a failed call
            problem = repr(exc)
        _count(tries, began, problem)

    async def _refresh(self, client: PlainClient, tokens: dict[str, str]) -> dict[str, str]:
        form = {
            "grant_type": "refresh_token",
            "client_id": client.client_id,
            "refresh_token": tokens["refresh_token"],
        }
        tries, began = self.met.refreshes, time.monotonic()
        body: dict[str, str] = {}
        try:
            async with client.http.post(f"{self._pair.issuer}/token", data=form) as response:
                body = await response.json()
            problem = "" if response.status == 200 else f"{response.status} {body}"
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a failed refresh
            problem = repr(exc)
        _count(tries, began, problem)
        return tokens if problem else body

    async def _sign_in_known(self, name: str, address: str, cookies: Mapping[str, str]) -> None:
        while not self._stopping.is_set():
            await self._sign_in(self.met.known, name, address, cookies)
            await self._pause(OWNER_PAUSE_SECONDS)

    async def _sign_in_new(self, name: str) -> None:
        while not self._stopping.is_set():
            number = next(self._new_networks)
            await self._sign_in(self.met.new, name, f"192.1.{number // 250}.{1 + number % 250}", {})
            await self._pause(OWNER_PAUSE_SECONDS)

    async def _sign_in(self, tries: Tries, name: str, address: str, cookies: Mapping[str, str]) -> None:
        began = time.monotonic()
        try:
            async with browser(name, address, cookies=cookies) as user:
                answer = await user.sign_in(await user.arrive(self.authorization_url))
            problem = "" if answer.status == 303 else f"{answer.status} {answer.words[:300]}"
        except Exception as exc:  # noqa: BLE001 - whatever it is, the owner is not in
            problem = repr(exc)
        _count(tries, began, problem)


def _home(number: int) -> str:
    return f"203.0.113.{100 + number}"


def _count(tries: Tries, began: float, problem: str) -> None:
    if problem:
        tries.failed.append(f"after {time.monotonic() - began:.1f} s: {problem}")
    else:
        tries.seconds.append(time.monotonic() - began)
