"""Calls one after the other, each with its times, so that a failure can be told from one that a kill explains."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from tests.support.plain_client import PlainClient


@dataclass(frozen=True)
class Call:
    """One call and its outcome. Times are of the monotonic clock."""

    began: float
    ended: float
    outcome: object


class TimedLoad:
    """Clients that call `whoami` one after the other until told to stop. An async context manager."""

    def __init__(self, client: PlainClient, token: str, subject: str, *, clients: int) -> None:
        self._client, self._token, self._subject, self._clients = client, token, subject, clients
        self.calls: list[Call] = []
        self._stop = asyncio.Event()
        self._reached = asyncio.Condition()

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._one()) for _ in range(self._clients)]
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._stop.set()
        await asyncio.gather(*self._tasks)

    async def further(self, count: int) -> None:
        """Wait until so many more calls have ended."""
        target = len(self.calls) + count
        async with self._reached:
            await self._reached.wait_for(lambda: len(self.calls) >= target)

    async def _one(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            outcome: object
            try:
                status, _, answer = await self._client.call_tool(self._token)
                right = status == 200 and answer["result"]["structuredContent"]["subject"] == self._subject
                outcome = "right" if right else (status, answer)
            except Exception as exc:  # noqa: BLE001 - whatever happened to a call is what is measured
                outcome = repr(exc)
            self.calls.append(Call(began, time.monotonic(), outcome))
            async with self._reached:
                self._reached.notify_all()

    def failed(self) -> list[Call]:
        """The calls without the right answer."""
        return [call for call in self.calls if call.outcome != "right"]
