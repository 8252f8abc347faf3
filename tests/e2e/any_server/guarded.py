"""A pair whose guard stands in front of a server of another project."""

from __future__ import annotations

import contextlib
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.e2e.any_server.foreign_server import LEGACY
from tests.e2e.any_server.wiretap import Wiretap
from tests.e2e.foreign_process import serving
from tests.e2e.pair import Pair
from tests.e2e.sdk_client import Memory, connected
from tests.support.free_ports import free_port
from tests.support.user_agent import user_agent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from mcp import Client

    from tests.e2e.any_server.foreign_server import ForeignServer
    from tests.e2e.sdk_client import Wire


def scope_map(server: ForeignServer) -> dict[str, Any]:
    """One scope for everything, and one more for the restricted tool."""
    return {
        "scopes": {"tools:use": {"description": "Use the tools"}, "tools:more": {"description": "Use more of them"}},
        "default": ["tools:use"],
        "tools": {server.restricted[0]: ["tools:use", "tools:more"]},
    }


@dataclass
class Guarded:
    """A server, and a pair whose guard stands in front of it."""

    server: ForeignServer
    place: str
    """The URL of the server, or its command."""
    pair: Pair
    received: Callable[[], bytes]
    """Everything that the server has been sent."""
    _users: int = 0

    @property
    def url(self) -> str:
        return self.pair.resource

    @contextlib.asynccontextmanager
    async def client(
        self, wire: Wire, *, memory: Memory | None = None, username: str | None = None, **options: Any
    ) -> AsyncIterator[Client]:
        """The Python SDK's client, for a user that signs in when it is asked to."""
        async with (
            user_agent(username or self.pair.username, self.pair.password) as user,
            connected(self.url, user, wire=wire, memory=memory, **options) as client,
        ):
            yield client

    async def token(self, username: str | None = None) -> str:
        """An access token for all tools but the restricted one."""
        memory = Memory()
        async with self.client(LEGACY, memory=memory, username=username) as client:
            await client.list_tools()
        return memory.access_token

    async def another_user(self) -> str:
        """The name of a user of its own; the password is the same."""
        self._users += 1
        name = f"user-{self._users}"
        await self.pair.add_user(name, self.pair.password)
        return name

    @contextlib.asynccontextmanager
    async def raw(
        self, method: str, token: str, body: object = None, **headers: str
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request of the older wire."""
        sent = {
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": "2025-06-18",
            "Authorization": f"Bearer {token}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http,
            http.request(method, self.url, json=body, headers=sent) as answer,
        ):
            yield answer


@contextlib.asynccontextmanager
async def guarded(server: ForeignServer, directory: Path) -> AsyncIterator[Guarded]:
    """Start the server and a pair in front of it."""
    async with contextlib.AsyncExitStack() as stack:
        if server.transport == "http":
            port = free_port(("127.0.0.1",))
            await stack.enter_async_context(serving(port, *server.command(str(port))))
            tap = await stack.enter_async_context(Wiretap(port))
            setting, place = "MCP_UPSTREAM", f"http://127.0.0.1:{tap.port}/mcp"

            def received() -> bytes:
                return bytes(tap.received)

        else:
            copy = directory / "received"
            copy.touch()
            # `tee` keeps what the command reads.
            pipeline = f"tee {shlex.quote(str(copy))} | {shlex.join(server.command('stdio'))}"
            setting, place = "MCP_UPSTREAM_COMMAND", shlex.join(["sh", "-c", pipeline])
            received = copy.read_bytes
        pair = Pair(scopes=scope_map(server), own={setting: place})
        stack.push_async_callback(pair.close)
        await pair.start()
        yield Guarded(server, place, pair, received)
