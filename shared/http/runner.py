"""Runs an application on the server of both services (server.py)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from shared.http.connections import CONNECTIONS, ConnectionTable
from shared.http.server import Connection, Server

CONNECTION: Final[web.AppKey[Callable[..., Connection]]] = web.AppKey("CONNECTION")
"""Makes the connections of an application whose connections are of a subclass."""


class ServiceRunner(web.AppRunner):
    """Runs an application on `Server`. Its table of connections is the application's, or one with the usual bounds."""

    def __init__(self, app: web.Application, *, shutdown_timeout: float = 60.0, **_options: Any) -> None:
        super().__init__(app, shutdown_timeout=shutdown_timeout)
        self.connections = app[CONNECTIONS] if CONNECTIONS in app else ConnectionTable()

    async def _make_server(self) -> Server:
        server = Server(await super()._make_server(), self._app, self.connections)
        server.connection = self._app.get(CONNECTION, Connection)
        return server
