"""A real store whose answers can be held back, so that a test can act in the middle of a step."""

import asyncio


class GatedStore:
    """Passes everything on. After `hold(name)`, the answer of the next script of that name waits for `release`."""

    def __init__(self, store):
        self._store = store
        self._held = None
        self.reached = asyncio.Event()
        self._released = asyncio.Event()

    def __getattr__(self, name):
        return getattr(self._store, name)

    def hold(self, name):
        self._held = name
        self.reached.clear()
        self._released.clear()

    def release(self):
        self._released.set()

    async def run(self, script, keys, args):
        reply = await self._store.run(script, keys, args)
        if script.name == self._held:
            self._held = None
            self.reached.set()
            await self._released.wait()
        return reply
