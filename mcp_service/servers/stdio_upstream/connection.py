"""The JSON-RPC connection to one process, which several clients share.

Ids and progress tokens that the process sees are allocated here and used once: an answer reaches the request that
caused it or none, however clients choose theirs. Requests of the process are refused: a shared process cannot say which
of its clients it asks (docs/adr/0011-stdio-servers.md).
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol

from mcp_service.servers.stdio_upstream.messages import Answer, Request, RpcError, encode, read_message
from mcp_service.servers.stdio_upstream.process import InputFull

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    import structlog


METHOD_NOT_FOUND: Final = -32601
CANCELLED: Final = RpcError(-32000, "The request was cancelled.")
LINES_AT_ONCE: Final = 64
PROGRESS_BACKLOG: Final = 64
"""Progress reports that wait for a slow client. Later ones are dropped: each replaces the one before."""


class ProcessGone(Exception):
    """The process ended before it answered."""


class ErrorAnswer(Exception):
    """The process answered with an error."""

    def __init__(self, error: RpcError) -> None:
        super().__init__(error.message)
        self.error = error


class LinesOfProcess(Protocol):
    """The pipes of a process (process.py)."""

    async def read_line(self) -> bytes | None:
        """The next line; None at the end. Raises LineTooLong."""

    def write_line(self, line: bytes) -> None:
        """Write without waiting. Raises InputFull."""


class Call:
    """A request in progress. Iterate over its progress, then await `result`."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._progress: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue(PROGRESS_BACKLOG + 1)

    def __aiter__(self) -> Call:
        return self

    async def __anext__(self) -> Mapping[str, Any]:
        params = await self._progress.get()
        if params is None:
            raise StopAsyncIteration
        return params

    def result(self) -> dict[str, Any]:
        """The result, once the iteration has ended. Raises ErrorAnswer and ProcessGone."""
        answer = self._answer.result()
        if answer.error is not None:
            raise ErrorAnswer(answer.error)
        return answer.result or {}

    def report(self, params: Mapping[str, Any]) -> None:
        """Take a progress report."""
        if self._progress.qsize() < PROGRESS_BACKLOG:
            self._progress.put_nowait(params)

    def settle(self, answer: Answer | ProcessGone) -> None:
        """Take the answer, of which there is exactly one, and end the iteration."""
        if isinstance(answer, ProcessGone):
            self._answer.set_exception(answer)
            self._answer.exception()
        else:
            self._answer.set_result(answer)
        self._progress.put_nowait(None)


class ProcessConnection:
    """Sends requests and distributes what comes back."""

    def __init__(
        self,
        process: LinesOfProcess,
        *,
        on_notification: Callable[[str, Mapping[str, Any]], Awaitable[None]],
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        """`on_notification` gets all notifications but progress."""
        self._process = process
        self._on_notification = on_notification
        self._log = log
        self._ids = count(1)
        self._calls: dict[int, Call] = {}
        self.is_closed = False
        """Whether the process writes no more; every call fails then."""
        self._logged: set[str] = set()

    async def run(self) -> None:
        """Read until the process writes no more; then all calls have ended. Raises LineTooLong and InputFull."""
        try:
            read = 0
            while (line := await self._process.read_line()) is not None:
                await self._take(line)
                read += 1
                if read % LINES_AT_ONCE == 0:
                    # Lines that have arrived are read without a pause; other requests wait meanwhile.
                    await asyncio.sleep(0)
        finally:
            self.is_closed = True
            for call in self._calls.values():
                call.settle(ProcessGone())
            self._calls.clear()

    def begin(self, method: str, params: Mapping[str, Any], *, reports_progress: bool = False) -> tuple[int, Call]:
        """Send a request; its id is for `abandon`. Raises ProcessGone and InputFull."""
        if self.is_closed:
            raise ProcessGone
        rpc_id = next(self._ids)
        sent = dict(params)
        if reports_progress:
            sent["_meta"] = {**sent.get("_meta", {}), "progressToken": rpc_id}
        self._process.write_line(encode({"id": rpc_id, "method": method, "params": sent}))
        call = Call()
        self._calls[rpc_id] = call
        return rpc_id, call

    def cancel(self, rpc_id: int) -> None:
        """Cancel a request on behalf of its client, which waits for no answer."""
        call = self._calls.get(rpc_id)
        self.abandon(rpc_id, "the client has cancelled")
        if call is not None:
            call.settle(Answer(rpc_id, None, CANCELLED))

    def abandon(self, rpc_id: int, reason: str) -> None:
        """Cancel a request if it is still in progress. A late answer is dropped."""
        if self._calls.pop(rpc_id, None) is not None:
            self.notify("notifications/cancelled", {"requestId": rpc_id, "reason": reason})

    async def request(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request and wait for its result. Raises ErrorAnswer, ProcessGone and InputFull."""
        rpc_id, call = self.begin(method, params)
        try:
            async for _ in call:
                pass
            return call.result()
        finally:
            self.abandon(rpc_id, "no longer needed")

    def tell(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a request whose answer does not matter. A process that does not read, or has ended, loses it."""
        with suppress(ProcessGone, InputFull):
            rpc_id, _ = self.begin(method, params)
            del self._calls[rpc_id]

    def notify(self, method: str, params: Mapping[str, Any]) -> None:
        """Send a notification. A process that does not read loses it."""
        try:
            self._process.write_line(encode({"method": method, "params": params}))
        except InputFull:
            self._log_once("upstream_reads_nothing", dropped=method)

    async def _take(self, line: bytes) -> None:
        message = read_message(line)
        if message is None:
            if line.strip():
                # What begins like a message may be an answer to a user with a fault in its form.
                shown = line[:200].decode(errors="replace").rstrip()
                self._log_once("upstream_noise", line="{…" if shown.lstrip().startswith("{") else shown)
        elif isinstance(message, Answer):
            call = self._calls.pop(message.rpc_id, None)
            if call is not None:
                call.settle(message)
        elif message.rpc_id is not None:
            self._refuse(message)
        elif message.method == "notifications/progress":
            token = message.params.get("progressToken")
            call = self._calls.get(token) if isinstance(token, int) and not isinstance(token, bool) else None
            if call is not None:
                call.report(message.params)
        else:
            await self._on_notification(message.method, message.params)

    def _refuse(self, request: Request) -> None:
        """Answer a request of the process. Raises InputFull: one that asks and does not read is ended."""
        if request.method == "ping":
            self._process.write_line(encode({"id": request.rpc_id, "result": {}}))
            return
        self._log_once("upstream_request_refused", method=request.method[:60])
        error = {"code": METHOD_NOT_FOUND, "message": "No client can be asked through this connection."}
        self._process.write_line(encode({"id": request.rpc_id, "error": error}))

    def _log_once(self, event: str, **fields: str) -> None:
        """Log one line of each kind per process, however much the process writes."""
        if event not in self._logged:
            self._logged.add(event)
            self._log.warning(event, **fields)
