"""Steady load of real calls: workers that call tools through all replicas and refresh their tokens again and again."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

from tests.support.oauth import unverified_header
from tests.support.plain_client import PlainClient
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from tests.e2e.pair import Pair


@dataclass
class Outcome:
    """Counts and failures so far."""

    calls: int = 0
    refreshes: int = 0
    failures: list[str] = field(default_factory=list)
    kids: dict[str, int] = field(default_factory=dict)
    """Number of calls with tokens of each key."""


class SteadyLoad:
    """An async context manager: the workers run inside it, and their failures are collected, never raised."""

    def __init__(
        self, pair: Pair, *, workers: int = 6, calls_per_token: int = 15, through_gateway: bool = False
    ) -> None:
        """Each replica is asked in turn, or the gateway, which chooses one."""
        self.outcome = Outcome()
        self.refreshing = True
        """Set to False while no authorization server is there."""
        self._pair = pair
        self._workers = workers
        self._calls_per_token = calls_per_token
        self._mcp = [f"http://127.0.0.1:{replica.port}/mcp" for replica in pair.mcp]
        self._auth = [f"http://127.0.0.1:{replica.port}/token" for replica in pair.auth]
        if through_gateway:
            self._mcp, self._auth = [pair.resource], [f"{pair.issuer}/token"]
        self._stack = AsyncExitStack()
        self._stopping = False
        self._progress = asyncio.Condition()
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for number in range(self._workers):
            client = await self._stack.enter_async_context(PlainClient(self._pair))
            user = await self._stack.enter_async_context(user_agent(self._pair.username, self._pair.password))
            tokens = await client.tokens(user)
            self._tasks.append(asyncio.create_task(self._work(number, client, tokens)))
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)
        await self._stack.aclose()

    async def until(self, *, calls: int = 0, kid: str = "") -> None:
        """Wait until so many calls were made in all, or some with a token of this key."""
        async with self._progress:
            await self._progress.wait_for(
                lambda: bool(self.outcome.failures) or self.outcome.calls >= calls > 0 or kid in self.outcome.kids
            )

    async def _work(self, number: int, client: PlainClient, tokens: dict[str, str]) -> None:
        mcp, auth = itertools.cycle(self._mcp), itertools.cycle(self._auth)
        for _ in range(number):
            next(mcp)
            next(auth)
        while not self._stopping:
            for _ in range(self._calls_per_token):
                await self._call(client, tokens["access_token"], next(mcp))
            if self.refreshing:
                tokens = await self._refresh(client, tokens, next(auth))

    async def _call(self, client: PlainClient, token: str, url: str) -> None:
        try:
            status, _headers, answer = await client.call_tool(token, url=url)
            problem = "" if status == 200 and "result" in answer else f"{status} {answer}"
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a failed call
            problem = repr(exc)
        kid = unverified_header(token)["kid"]
        if problem:
            self.outcome.failures.append(f"call {self.outcome.calls} at {url} with {kid}: {problem}")
        self.outcome.calls += 1
        self.outcome.kids[kid] = self.outcome.kids.get(kid, 0) + 1
        async with self._progress:
            self._progress.notify_all()

    async def _refresh(self, client: PlainClient, tokens: dict[str, str], url: str) -> dict[str, str]:
        form = {
            "grant_type": "refresh_token",
            "client_id": client.client_id,
            "refresh_token": tokens["refresh_token"],
        }
        try:
            async with client.http.post(url, data=form) as response:
                body: dict[str, str] = await response.json()
                if response.status == 200:
                    self.outcome.refreshes += 1
                    return body
                self.outcome.failures.append(f"refresh at {url}: {response.status} {body}")
        except Exception as exc:  # noqa: BLE001 - whatever it is, it is a failed refresh
            self.outcome.failures.append(f"refresh at {url}: {exc!r}")
        return tokens
