"""A TCP proxy in front of the real server that fails on demand: loses answers, stalls, closes connections."""

import asyncio
import contextlib
from collections.abc import Set as AbstractSet
from enum import Enum
from typing import Self
from urllib.parse import parse_qsl, urlsplit

from shared.redis.single import SingleRedisClient


class RedisFault(Enum):
    """The behaviour of the proxy on open connections."""

    NONE = "none"
    LOSE_ANSWERS = "lose answers"
    """Commands are executed; their answers never arrive."""
    STALL = "stall"
    """Commands do not reach the store; nothing arrives."""
    HANG_UP = "hang up"
    """Connections end, and new ones end at once."""


class FaultyRedis:
    """A context manager. `url` is that of the proxy; set `fault` at any moment."""

    def __init__(self, store_url: str) -> None:
        parts = urlsplit(store_url)
        self._socket = parts.path
        self._database = dict(parse_qsl(parts.query)).get("db", "0")
        self._fault = RedisFault.NONE
        self._connections: set[tuple[asyncio.StreamWriter, asyncio.Task[None] | None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/{self._database}"
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self._hang_up()
        self._server.close()
        await asyncio.gather(*(task for _, task in self._connections if task is not None), return_exceptions=True)

    def connect(self, *, timeout_seconds: float = 1.0) -> SingleRedisClient:
        """A client through the proxy, with a short timeout for tests that wait for it."""
        return SingleRedisClient(self.url, timeout_seconds=timeout_seconds)

    @property
    def fault(self) -> RedisFault:
        return self._fault

    @fault.setter
    def fault(self, fault: RedisFault) -> None:
        self._fault = fault
        if fault is RedisFault.HANG_UP:
            self._hang_up()

    def _hang_up(self) -> None:
        for writer, _ in self._connections:
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._fault is RedisFault.HANG_UP:
            writer.transport.abort()
            return
        entry = (writer, asyncio.current_task())
        self._connections.add(entry)
        to_store = None
        try:
            from_store, to_store = await asyncio.open_unix_connection(self._socket)
            await asyncio.gather(
                self._pump(reader, to_store, lost_while={RedisFault.STALL}),
                self._pump(from_store, writer, lost_while={RedisFault.STALL, RedisFault.LOSE_ANSWERS}),
            )
        finally:
            self._connections.discard(entry)
            for end in (writer, to_store):
                if end is not None:
                    end.transport.abort()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, lost_while: AbstractSet[RedisFault]
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if self._fault not in lost_while:
                    writer.write(data)
                    await writer.drain()
        writer.transport.abort()
