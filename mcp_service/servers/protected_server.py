"""The contract of every kind of protected server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from aiohttp import web

    from mcp_service.guard.bearer import AuthorizedRequest
    from mcp_service.servers.open_streams import StreamEnding
    from shared.background import TaskSupervisor
    from shared.http.health import Readiness


class AnswerOverdue(Exception):
    """No answer has begun in the seconds that it may take."""


@dataclass(frozen=True, slots=True)
class AdmittedRequest:
    """A request that passed the guard and its rate limits."""

    authorized: AuthorizedRequest
    ending: StreamEnding | None
    """For a stream that only listens: set when it must end (invariant 12). None for every other request."""
    seconds: float | None
    """How long the answer may take; None without a bound."""


class ProtectedServer(Protocol):
    """A server behind the guard. It gets no request that the guard has not authorized."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The HTTP methods that it answers."""

    @property
    def has_sessions(self) -> bool:
        """Whether `initialize` may open a session, which occupies memory until it ends."""

    async def respond(self, request: web.Request, admitted: AdmittedRequest) -> web.StreamResponse:
        """Answer a request whose body has been read. A client that disconnects cancels this.

        Raises AnswerOverdue.
        """

    def lifespan(self, supervisor: TaskSupervisor) -> AbstractAsyncContextManager[None]:
        """The context in which requests are served."""

    async def readiness(self) -> Readiness:
        """Whether requests can be answered now."""
