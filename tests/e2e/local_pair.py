"""Both services in this process, on real ports and a real store, with the internet's hosts played locally.

What `pair.py` cannot do: let auth_service find metadata documents under their real names without a network.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import web

from auth_service.app import build_app as build_auth_service
from auth_service.clients.repository import ClientRepository
from auth_service.settings import AuthSettings
from auth_service.users.passwords import PasswordHasher
from auth_service.users.repository import UserRepository
from auth_service.users.service import UserService
from devstack.embedded_store import EmbeddedStore
from devstack.local_settings import LocalSettings
from devstack.private_file import new_key_encryption_key, write
from mcp_service.app import build_app as build_mcp_service
from mcp_service.settings import McpSettings
from shared.http.runner import ServiceRunner
from shared.redis.single import SingleRedisClient
from tests.support.auth_server import CHEAP
from tests.support.free_ports import free_port
from tests.support.named_hosts import NamedHosts
from tests.support.user_agent import UserAgent, user_agent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractAsyncContextManager

LOOPBACK = ("127.0.0.1",)


class LocalPair:
    """One of each service, and `hosts` to serve documents on. Use as an async context manager."""

    password = "four unrelated words here"

    def __init__(self, **own: str) -> None:
        """`own` holds further AUTH_* and MCP_* settings."""
        self._directory = Path(tempfile.mkdtemp(prefix="sp-"))
        self._embedded = EmbeddedStore(self._directory)
        auth_port, mcp_port = free_port(LOOPBACK), free_port(LOOPBACK)
        self._ports = (auth_port, mcp_port)
        self.issuer = f"http://localhost:{auth_port}"
        self.resource = f"http://localhost:{mcp_port}/mcp"
        key_file = self._directory / "key-encryption-key"
        write(key_file, new_key_encryption_key())
        settings = LocalSettings(
            issuer=self.issuer,
            resource=self.resource,
            hosts=LOOPBACK,
            auth_store_url=f"{self._embedded.url}?db=0",
            notes_store_url=f"{self._embedded.url}?db=1",
            key_encryption_key_file=key_file,
            log_format="json",
        )
        self._auth = AuthSettings.from_environment(
            {k: v for k, v in settings.for_auth(auth_port, own).items() if k.startswith("AUTH_")}
        )
        self._mcp = McpSettings.from_environment(
            {k: v for k, v in settings.for_mcp(mcp_port, own).items() if k.startswith("MCP_")}
        )
        self.stops: list[Callable[[], Awaitable[None]]] = []
        self.hosts = NamedHosts()
        self.store = SingleRedisClient(f"{self._embedded.url}?db=0")
        self.clients = ClientRepository(self.store)

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def _start(self) -> None:
        self._embedded.__enter__()
        await self.hosts.__aenter__()
        await self._serve(build_auth_service(self._auth, public_fetch=self.hosts.http_client()), self._ports[0])
        await self._serve(build_mcp_service(self._mcp), self._ports[1])

    async def add_user_agent(self, username: str) -> AbstractAsyncContextManager[UserAgent]:
        """A new user with a password, at a browser of their own."""
        passwords = PasswordHasher(workers=1, parameters=CHEAP)
        await UserService(UserRepository(self.store), passwords).add(username, self.password)
        passwords.close()
        return user_agent(username, self.password)

    async def __aexit__(self, *_exc: object) -> None:
        for stop in reversed(self.stops):
            await stop()
        await self.hosts.__aexit__()
        await self.store.close()
        self._embedded.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    async def _serve(self, app: web.Application, port: int) -> None:
        runner = ServiceRunner(app, shutdown_timeout=1)
        await runner.setup()
        self.stops.append(runner.cleanup)
        await web.TCPSite(runner, LOOPBACK[0], port).start()
