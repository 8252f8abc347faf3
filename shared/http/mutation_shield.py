"""Keeps state-changing requests from being cancelled when the client disconnects.

aiohttp cancels the handler of a client that disconnected: right for streams and long polls, wrong in the middle of a
change. By closing the connection before the response, an attacker would keep a theft out of the audit log, and a grant
would be created without an audit event. docs/adr/0008-libraries-considered.md compares aiojobs.
"""

from __future__ import annotations

import asyncio
from typing import Final

from aiohttp import web

_STATE_CHANGING: Final = frozenset({"POST", "PUT", "DELETE"})


class MutationShield:
    """The requests that run on without a connection. Make one per application, and put it there as MUTATION_SHIELD.

    The connection asks it, so that a request whose client stays costs nothing: a task around each would cost a tenth
    of all that HTTP costs a refresh.
    """

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def keeps(self, request: web.BaseRequest | None, task: asyncio.Task[None] | None) -> bool:
        """Take over the task of a request that must run to its end. If it did (True), no other code may cancel it."""
        if request is None or task is None or request.method not in _STATE_CHANGING:
            return False
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return True

    async def finish(self, *, seconds: float) -> None:
        """Wait for the requests that still run, for at most `seconds`: before their dependencies are closed."""
        if self._running:
            await asyncio.wait(self._running, timeout=seconds)


MUTATION_SHIELD: Final = web.AppKey("MUTATION_SHIELD", MutationShield)
"""The shield of an application. Without one, every request is cancelled when its client disconnects."""
