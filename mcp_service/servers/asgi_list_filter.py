"""Filters the lists of an ASGI application whose results cannot be reached otherwise."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mcp_service.guard.errors import UnreadableAnswer

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from mcp_service.servers.asgi_bridge import AsgiApp, Message
    from mcp_service.servers.list_relay import ListRelay


def with_filtered_list(app: AsgiApp, relay_of: Callable[[str], ListRelay]) -> AsgiApp:
    """The application for one list request; `relay_of` makes the relay for a content type.

    Calling it raises UnreadableAnswer.
    """

    async def filtered(
        scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        failed: list[UnreadableAnswer] = []
        start: Message = {}
        relays: list[ListRelay] = []

        async def relay(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                types = [v.decode("latin-1") for n, v in message["headers"] if n.lower() == b"content-type"]
                relays.append(relay_of(types[0] if types else ""))
                return
            more = message.get("more_body", False)
            ready = relays[0].feed(message.get("body", b""))
            if not more:
                ready += relays[0].finish()
            if ready or not more:
                if start:
                    await send(start)
                    start = {}
                await send({"type": "http.response.body", "body": ready, "more_body": more})

        async def relay_unless_failed(message: Message) -> None:
            # Raised into the application, the error would come back as an ExceptionGroup of its task groups.
            if not failed:
                try:
                    await relay(message)
                except UnreadableAnswer as exc:
                    failed.append(exc)

        await app(scope, receive, relay_unless_failed)
        if failed:
            raise failed[0]

    return filtered
