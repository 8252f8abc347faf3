"""A real store whose answers can be held back, so that a test can act in the middle of a step."""

import asyncio
from collections.abc import Sequence
from typing import Any

from shared.redis.client import RedisClient, Script


class GatedRedisClient:
    """Passes everything on. After `hold(name)`, the answer of the next script of that name waits for `release`."""

    def __init__(self, store: RedisClient) -> None:
        self._store = store
        self._held: str | None = None
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def hold(self, name: str) -> None:
        self._held = name
        self.reached.clear()
        self._released.clear()

    def release(self) -> None:
        self._released.set()

    async def run(self, script: Script, keys: Sequence[str], args: Sequence[str | int]) -> Any:
        reply = await self._store.run(script, keys, args)
        if script.name == self._held:
            self._held = None
            self.reached.set()
            await self._released.wait()
        return reply
